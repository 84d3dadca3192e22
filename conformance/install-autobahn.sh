#!/bin/sh
# Installs the Autobahn test suite and prints the directory it is in (the only line on stdout).
#
# The suite is the reference for WebSocket conformance and runs on Python 2.7 alone, which current
# systems no longer carry. Debian's `bullseye` suite still does, so this takes the interpreter from
# there, unpacked into a directory of its own: nothing is installed on the system, no root needed.
#
#   EVERWIRE_DEBIAN_MIRROR   where to find `bullseye` (default: the mirror this machine uses)
#   XDG_CACHE_HOME           the result goes to $XDG_CACHE_HOME/everwire/autobahn-HASH
#
# HASH is that of this file: a changed recipe is a new installation, and CI may cache the directory
# under that name. The directory is complete or absent, because it is built aside and renamed.
# Needs apt-get and dpkg, gcc, python3 with pip. About 40 seconds and 100 MB.
set -eu

recipe=$(sha256sum "$0" | cut -c1-12)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/everwire
target=$cache/autobahn-$recipe

say() { echo "autobahn: $*" >&2; }
die() { say "$*"; exit 1; }

if [ -x "$target/wstest" ]; then
    echo "$target"
    exit 0
fi

for tool in apt-get dpkg gcc python3 tar; do
    command -v "$tool" >/dev/null || die "\`$tool\` is missing, cannot install the suite"
done
python3 -m pip --version >/dev/null 2>&1 || die "python3 has no pip, cannot install the suite"

mkdir -p "$cache"
work=$(mktemp -d "$cache/autobahn-build.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
cd "$work"

# 1. The interpreter, with apt's state kept inside this directory.

mirror=${EVERWIRE_DEBIAN_MIRROR:-$(
    apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' |
        grep -E '/debian/?$' | head -n 1
)} || true
[ -n "$mirror" ] || die "no Debian mirror in apt's sources, set EVERWIRE_DEBIAN_MIRROR"

keyring=/usr/share/keyrings/debian-archive-keyring.gpg
signed=
if [ -r "$keyring" ]; then signed="[signed-by=$keyring] "; fi

mkdir -p apt/lists/partial apt/cache/archives/partial packages
echo "deb $signed$mirror bullseye main" > apt/sources.list
apt() {
    command="$1"
    shift
    apt-get -o Dir::Etc::sourcelist="$work/apt/sources.list" -o Dir::Etc::sourceparts=- \
        -o Dir::State::lists="$work/apt/lists" -o Dir::Cache="$work/apt/cache" \
        -o Acquire::Languages=none -o Acquire::Retries=3 -o APT::Sandbox::User=root \
        -o APT::Get::List-Cleanup=0 -o APT::Update::Error-Mode=any "$command" -qq "$@" >&2
}

say "fetching python2.7 from $mirror bullseye"
apt update || die "the mirror does not serve bullseye, set EVERWIRE_DEBIAN_MIRROR"
(
    cd packages
    apt download python2.7-minimal libpython2.7-minimal python2.7 libpython2.7-stdlib \
        libpython2.7-dev libssl1.1 libffi7
) || die "the mirror lacks a python2.7 package, set EVERWIRE_DEBIAN_MIRROR"
for package in packages/*.deb; do dpkg -x "$package" root; done

# 2. The suite and what it imports, pinned: the last versions that speak Python 2.

cat > first.txt <<'PINS'
setuptools==44.1.1
wheel==0.37.1
PINS
cat > suite.txt <<'PINS'
autobahntestsuite==0.8.2
autobahn==0.10.9
argparse==1.4.0
attrs==21.4.0
Automat==0.8.0
cffi==1.14.6
constantly==15.1.0
cryptography==3.3.2
enum34==1.1.10
hyperlink==21.0.0
idna==2.10
incremental==16.10.1
ipaddress==1.0.23
Jinja2==2.11.3
klein==17.10.0
linecache2==1.0.0
MarkupSafe==1.1.1
pyasn1==0.4.8
pyasn1-modules==0.2.8
pycparser==2.20
PyHamcrest==1.10.1
pyOpenSSL==19.1.0
service-identity==18.1.0
six==1.16.0
traceback2==1.4.0
Twisted==19.10.0
txaio==2.1.0
typing==3.10.0.0
unittest2==1.1.0
Werkzeug==1.0.1
zope.interface==4.6.0
PINS

say "installing the suite"
mkdir -p wheels site
python3 -m pip download -q --disable-pip-version-check --no-deps -d wheels pip==20.3.4 >&2
LD_LIBRARY_PATH=$(echo "$work"/root/usr/lib/*-linux-gnu)
PYTHONPATH=$(echo "$work"/wheels/pip-*.whl):$work/site
PYTHONNOUSERSITE=1
PYTHONWARNINGS=ignore
export LD_LIBRARY_PATH PYTHONPATH PYTHONNOUSERSITE PYTHONWARNINGS
pip2() {
    command="$1"
    shift
    "$work/root/usr/bin/python2.7" -m pip --disable-pip-version-check --no-python-version-warning \
        "$command" -q --no-cache-dir --no-deps "$@" >&2
}
pip2 install --target site -r first.txt
pip2 install --target site --no-build-isolation -r suite.txt
# `--target` leaves out the .pth file that would make this namespace a package.
touch site/zope/__init__.py

# 3. The suite's accelerator, UTF-8 and masking in C: without it a run takes three times as long.

say "building the accelerator"
pip2 download --no-build-isolation --no-binary :all: -d wheels wsaccel==0.6.2
tar xzf wheels/wsaccel-0.6.2.tar.gz
mkdir -p site/wsaccel
cp wsaccel-0.6.2/wsaccel/__init__.py site/wsaccel/
for module in utf8validator xormask; do
    gcc -O2 -w -shared -fPIC -Iroot/usr/include -Iroot/usr/include/python2.7 \
        -Iwsaccel-0.6.2/wsaccel "wsaccel-0.6.2/wsaccel/$module.c" -o "site/wsaccel/$module.so"
done

# 4. The command, which finds everything relative to itself.

cat > wstest <<'COMMAND'
#!/bin/sh
here=$(cd "$(dirname "$0")" && pwd)
LD_LIBRARY_PATH=$(echo "$here"/root/usr/lib/*-linux-gnu) PYTHONPATH=$here/site \
    PYTHONNOUSERSITE=1 PYTHONWARNINGS=ignore PYTHONUNBUFFERED=1 \
    exec "$here/root/usr/bin/python2.7" \
    -c 'from autobahntestsuite.wstest import run; run()' "$@"
COMMAND
chmod +x wstest
rm -rf apt packages wheels wsaccel-0.6.2 root/usr/share root/usr/include first.txt suite.txt

version=$(./wstest -a) || die "the installed suite does not start"
case $version in
    *"AutobahnTestSuite 0.8.2"*) ;;
    *) die "unexpected version: $version" ;;
esac

chmod 755 "$work"
if ! mv -T "$work" "$target" 2>/dev/null; then
    # Another installation was faster: use that one.
    [ -x "$target/wstest" ] || die "cannot move the installation to $target"
fi
say "installed in $target"
echo "$target"
