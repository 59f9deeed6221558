#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Prints query files as a C table: embed.sh FILE.yaml ... The id is the file's name.
echo '/* Made by src/config/embed.sh from queries/. */'
echo '#include "config/library.h"'
echo 'const struct library_file library_files[] = {'
for file; do
    id=${file##*/}
    printf '    {"%s",\n' "${id%.yaml}"
    sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/^/     "/' -e 's/$/\\n"/' "$file"
    echo '    },'
done
echo '    {0},'
echo '};'
