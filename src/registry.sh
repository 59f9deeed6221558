#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Prints the registry of one kind of codec as C: registry.sh provider prometheus http ...
# A name with a slash ("aws/alb") is the C name with an underscore.
kind=$1
shift
echo '/* Made by src/registry.sh from the list of names in meson.build. */'
echo "#include <haldane/$kind.h>"
echo '#include <string.h>'
for name; do
    echo "extern const struct hd_$kind ${kind}_$(printf %s "$name" | tr / _);"
done
echo "const struct hd_$kind *const hd_${kind}s[] = {"
for name; do
    echo "    &${kind}_$(printf %s "$name" | tr / _),"
done
cat <<END
    NULL,
};
const struct hd_$kind *hd_${kind}_find(const char *name)
{
    for (size_t i = 0; hd_${kind}s[i]; i++) {
        if (strcmp(hd_${kind}s[i]->name, name) == 0)
            return hd_${kind}s[i];
    }
    return NULL;
}
END
