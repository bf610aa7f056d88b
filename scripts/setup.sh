# shellcheck shell=bash
# What a bare Debian 12 lacks, installed from its own packages. Sourced by ./check and ./quickstart:
#
#   . scripts/setup.sh
#   signet_setup build tests     # groups below; does nothing and needs no root when all is there

say() { printf '\n== %s\n' "$*"; }

signet_packages() {
  case $1 in
    build) echo build-essential cmake ninja-build ccache pkg-config libssl-dev libnghttp2-dev libgrpc++-dev \
      libprotobuf-dev protobuf-compiler protobuf-compiler-grpc libsqlite3-dev libspdlog-dev nlohmann-json3-dev \
      catch2 python3 libcurl4-openssl-dev libcpp-httplib-dev libyaml-cpp-dev ;;
    tests) echo openssl nghttp2-client python3-cryptography python3-h2 python3-protobuf python3-yaml procps ;;
    interop) echo python3-venv ;;
    servers) echo nginx haproxy nats-server redis-server postgresql-15 caddy ;;
    more_servers) echo apache2 stunnel4 rabbitmq-server mariadb-server ;; # judged only when they are named
    java) echo maven openjdk-17-jdk-headless ;; # ./check does not install it, and skips examples/java without it
    systemd) echo systemd systemd-container dbus polkitd nginx stunnel4 ;; # likewise, for tests/interop/run systemd
    fuzz) echo clang-14 libclang-rt-14-dev llvm-14 ;;
    lint) echo shellcheck ;;
    *) echo "signet_packages: unknown group $1" >&2; return 1 ;;
  esac
}

# signet_as_root CMD…: directly, or through sudo.
signet_as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    echo "This needs root or sudo: $*" >&2
    return 1
  fi
}

signet_installed() { dpkg-query -W -f '${Status}' "$1" 2>/dev/null | grep -q 'ok installed'; }

# signet_without_services CMD…: Debian starts and enables the services of what it installs, unless policy-rc.d says 101.
signet_without_services() (
  policy=/usr/sbin/policy-rc.d
  if [ ! -e $policy ]; then
    trap 'signet_as_root rm -f $policy' EXIT
    printf '#!/bin/sh\nexit 101\n' | signet_as_root install -m 755 /dev/stdin $policy || exit 1
  fi
  "$@"
)

# signet_disable_services PACKAGE…: nor are they to start with the machine. Without systemd there is nothing to do.
signet_disable_services() {
  local package unit
  command -v systemctl >/dev/null || return 0
  for package in "$@"; do
    for unit in $(dpkg -L "$package" | sed -n 's#.*/systemd/system/\([^/@]*\.service\)$#\1#p'); do
      signet_as_root systemctl disable -q "$unit" 2>/dev/null || true
    done
  done
}

# signet_setup GROUP…: installs the missing packages of the groups, saying which.
signet_setup() {
  local group package missing=()
  if ! command -v apt-get >/dev/null; then
    echo "No apt-get here: Signet builds on Debian 12. Continuing with what is installed." >&2
    return 0
  fi
  for group in "$@"; do
    for package in $(signet_packages "$group"); do
      signet_installed "$package" || missing+=("$package")
    done
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  say "installing from Debian: ${missing[*]}"
  signet_as_root apt-get update -q || echo "apt-get update failed; trying with the lists that are here" >&2
  signet_without_services signet_as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q \
    --no-install-recommends "${missing[@]}" </dev/null || { echo "Could not install: ${missing[*]}" >&2; return 1; }
  signet_disable_services "${missing[@]}"
}

# signet_build PRESET [TARGET…]: configures once, then builds with progress.
signet_build() {
  local preset=$1 targets=()
  shift
  [ $# -eq 0 ] || targets=(--target "$@")
  say "building $preset ${*:-(everything)}"
  if [ ! -f "build/$preset/build.ninja" ]; then
    cmake --preset "$preset" || return 1
  fi
  NINJA_STATUS='[%f/%t, %es] ' cmake --build "build/$preset" -j "$(nproc)" "${targets[@]}"
}
