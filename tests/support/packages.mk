# What a fresh Debian 12 needs, by what for. bridge: to build and run; tests: beyond that, for `make test`.
PACKAGES_BUILD := build-essential pkgconf ca-certificates libmicrohttpd-dev libcurl4-openssl-dev libcjson-dev \
                  libgit2-dev libseccomp-dev libyaml-dev libsqlite3-dev libssl-dev scdoc
PACKAGES_DEMO  := $(PACKAGES_BUILD) curl openssl
PACKAGES_TEST  := $(PACKAGES_BUILD) python3 git curl openssl libcmocka-dev clang-14 libclang-rt-14-dev \
                  shellcheck mandoc nodejs?node npm?npm wrk
PACKAGES_BENCH := $(PACKAGES_BUILD) python3 wrk
