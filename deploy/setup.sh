#!/bin/sh
# Sets up everything that `make demo` and `make test` need; finds it all there the second time.
#
# .venv gets the packages of requirements.txt, checked against their hashes. The Debian packages of the caches are
# installed where root or passwordless sudo can; where neither can, this says what is missing and goes on.
set -eu
cd "$(dirname "$0")/.."

VIRTUAL_ENVIRONMENT=.venv
STAMP=$VIRTUAL_ENVIRONMENT/requirements.sha256
DEBIAN_PACKAGES="redis-server nginx libnginx-mod-http-cache-purge varnish varnish-modules memcached postgresql
    chromium fonts-dejavu-core prometheus rabbitmq-server"
SERVICES="redis-server nginx varnish varnishncsa memcached postgresql prometheus rabbitmq-server"
POLICY=/usr/sbin/policy-rc.d

say() { printf 'setup: %s\n' "$*"; }

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi; }

can_be_root() { [ "$(id -u)" = 0 ] || { command -v sudo && sudo -n true; } >/dev/null 2>&1; }

missing_packages() {
    for package in $DEBIAN_PACKAGES; do
        [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || printf '%s ' "$package"
    done
}

# Debian starts and enables a server when it installs it, on its well-known port. Those that come with this
# script are for private use on free ports: /usr/share/doc/init-system-helpers/README.policy-rc.d.gz.
forbid_autostart() {
    [ -e "$POLICY" ] && return
    trap allow_autostart EXIT
    trap 'exit 130' INT TERM
    printf '#!/bin/sh\nexit 101\n' | as_root tee "$POLICY" >/dev/null
    as_root chmod 755 "$POLICY"
}

allow_autostart() { as_root rm -f "$POLICY"; }

disable_new_services() {
    [ -d /run/systemd/system ] || return 0
    for service in $SERVICES; do
        case " $1 " in *" $service "*) as_root systemctl disable --quiet --now "$service" 2>/dev/null || true ;; esac
    done
}

apt() { as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 "$@" </dev/null; }

install_debian_packages() {
    say "installing Debian packages: $1"
    forbid_autostart
    # shellcheck disable=SC2086 # one argument per package
    if apt update >/dev/null && apt install -y --no-install-recommends $1 >"$2" 2>&1; then
        disable_new_services "$1"
    else
        tail -n 5 "$2" >&2
        say "apt-get could not install: $1"
    fi
    rm -f "$2"
}

debian_packages() {
    if ! command -v dpkg-query >/dev/null 2>&1; then
        say "not Debian: install Redis, Nginx with its cache-purge module and Varnish with xkey yourself"
        return 0
    fi
    missing=$(missing_packages)
    [ -n "$missing" ] || return 0
    if can_be_root; then
        install_debian_packages "$missing" "$(mktemp)"
    else
        say "not installed, because that takes root: $missing"
    fi
}

python_command() {
    for candidate in "${PYTHON:-}" python3.11 python3; do
        if [ -n "$candidate" ] && "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            printf '%s' "$candidate"
            return 0
        fi
    done
    say "needs Python 3.11 or newer; set PYTHON to its path" >&2
    return 1
}

# Debian ships venv and ensurepip in a package of their own.
create_virtual_environment() {
    rm -rf "$VIRTUAL_ENVIRONMENT"
    "$1" -m venv "$VIRTUAL_ENVIRONMENT" >/dev/null 2>&1 && return
    if ! can_be_root; then
        say "python3-venv is missing, and installing it takes root" >&2
        return 1
    fi
    apt update >/dev/null
    apt install -y --no-install-recommends python3-venv >/dev/null
    "$1" -m venv --clear "$VIRTUAL_ENVIRONMENT"
}

python_packages() {
    wanted=$(sha256sum <requirements.txt)
    [ "$(cat "$STAMP" 2>/dev/null)" = "$wanted" ] && return
    python=$(python_command)
    "$VIRTUAL_ENVIRONMENT/bin/python" -m pip --version >/dev/null 2>&1 || create_virtual_environment "$python"
    say "installing Python packages into $VIRTUAL_ENVIRONMENT"
    "$VIRTUAL_ENVIRONMENT/bin/python" -m pip install --quiet --disable-pip-version-check --no-input \
        --require-hashes -r requirements.txt
    printf '%s\n' "$wanted" >"$STAMP"
}

python_packages
debian_packages
