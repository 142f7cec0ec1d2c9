#!/bin/sh
# Prints the settings file that packages install: config/default.toml with every setting commented out but the folders.
set -eu
cd "$(dirname "$0")/.."
cat <<'END'
# The settings of Verbatim as packages install them. A line that begins with # and a name shows a default: remove the # and
# change the value. A new version may have other defaults; what is left as a comment follows them.
# `verbatim config --config /etc/verbatim/config.toml` shows what is in force.
#
END
sed -E 's/^([a-z_]+ = )/#\1/
/^\[storage\]/,/^\[/ s,^#dir = .*,dir = "/var/lib/verbatim/data",
/^\[model\]/,/^\[/ s,^#dir = .*,dir = "/var/lib/verbatim/models",' config/default.toml
