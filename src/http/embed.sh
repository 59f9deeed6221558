#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Prints a text file as a C string, without its comment lines: embed.sh NAME FILE
echo "/* Made by src/http/embed.sh from $(basename "$2"). */"
echo "extern const char $1[];"
echo "const char $1[] ="
sed -e '/^ *\/\//d' -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/^ *//' -e 's/.*/"&\\n"/' "$2"
echo ';'
