#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Prints the numbered schema steps as C, in the order given: embed.sh schema/0001.sql ...
echo '/* Made by src/store/embed.sh from src/store/schema/. */'
echo '#include <stddef.h>'
echo 'extern const char *const store_steps[];'
echo 'extern const size_t store_n_steps;'
echo 'const char *const store_steps[] = {'
for step; do
    sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/^/    "/' -e 's/$/\\n"/' "$step"
    echo '    ,'
done
echo '};'
echo 'const size_t store_n_steps = sizeof store_steps / sizeof *store_steps;'
