# SPDX-License-Identifier: Apache-2.0
# The one list of what is built, read by Makefile.am, by Makefile.apxs and by
# the scripts test/check-*.  Paths are relative to the top of the tree.  Plain
# assignments only: automake and make both have to understand them.

switchboard_version = 0.1.0

# The modules: mod_X.so is made from mod_X_sources and mod_X_core.
switchboard_modules = mod_proxy_express mod_proxy_pool mod_reproxy

# What modules of others may include: installed.
module_headers = \
	include/mod_proxy_pool.h

# The map library: APR, APR-util and LMDB only.
hostmap_headers = \
	include/hostmap.h \
	include/hostmap_entry.h \
	include/hostmap_guard.h \
	include/hostmap_hash.h \
	include/hostmap_key.h \
	include/hostmap_match.h \
	include/hostmap_option.h \
	include/hostmap_pool.h \
	include/hostmap_text.h \
	include/hostmap_writer.h
hostmap_sources = \
	modules/hostmap/hostmap.c \
	modules/hostmap/hostmap_cache.c \
	modules/hostmap/hostmap_cache.h \
	modules/hostmap/hostmap_copy.c \
	modules/hostmap/hostmap_copy.h \
	modules/hostmap/hostmap_dbm.c \
	modules/hostmap/hostmap_entry.c \
	modules/hostmap/hostmap_file.c \
	modules/hostmap/hostmap_guard.c \
	modules/hostmap/hostmap_key.c \
	modules/hostmap/hostmap_limit.c \
	modules/hostmap/hostmap_lmdb.c \
	modules/hostmap/hostmap_mark.c \
	modules/hostmap/hostmap_match.c \
	modules/hostmap/hostmap_option.c \
	modules/hostmap/hostmap_path.c \
	modules/hostmap/hostmap_pool.c \
	modules/hostmap/hostmap_provider.h \
	modules/hostmap/hostmap_scan.c \
	modules/hostmap/hostmap_scan.h \
	modules/hostmap/hostmap_text.c \
	modules/hostmap/hostmap_type.c \
	modules/hostmap/hostmap_writer.c

# mod_proxy_express: the pure part, and the part that knows httpd.
mod_proxy_express_core = \
	modules/express/known_core.c \
	modules/express/known_core.h \
	modules/express/loop_core.c \
	modules/express/loop_core.h \
	modules/express/memory_core.c \
	modules/express/memory_core.h \
	modules/express/reverse_core.c \
	modules/express/reverse_core.h \
	modules/express/target_core.c \
	modules/express/target_core.h
mod_proxy_express_sources = \
	modules/express/express_canon.c \
	modules/express/express_canon.h \
	modules/express/express_loop.c \
	modules/express/express_loop.h \
	modules/express/express_request.c \
	modules/express/express_request.h \
	modules/express/express_response.c \
	modules/express/express_response.h \
	modules/express/express_route.c \
	modules/express/express_route.h \
	modules/express/express_value.c \
	modules/express/express_value.h \
	modules/express/mod_proxy_express.c

# mod_proxy_pool.
mod_proxy_pool_core = \
	modules/pool/options_core.c \
	modules/pool/options_core.h \
	modules/pool/pool_core.c \
	modules/pool/pool_core.h
mod_proxy_pool_sources = \
	modules/pool/mod_proxy_pool.c \
	modules/pool/pool_attempt.c \
	modules/pool/pool_attempt.h \
	modules/pool/pool_worker.c \
	modules/pool/pool_worker.h

# mod_reproxy.
mod_reproxy_core = \
	modules/reproxy/allow_core.c \
	modules/reproxy/allow_core.h \
	modules/reproxy/cache_core.c \
	modules/reproxy/cache_core.h \
	modules/reproxy/headers_core.c \
	modules/reproxy/headers_core.h \
	modules/reproxy/url_core.c \
	modules/reproxy/url_core.h
mod_reproxy_sources = \
	modules/reproxy/mod_reproxy.c \
	modules/reproxy/reproxy.h \
	modules/reproxy/reproxy_access.c \
	modules/reproxy/reproxy_answer.c \
	modules/reproxy/reproxy_attempt.c \
	modules/reproxy/reproxy_file.c \
	modules/reproxy/reproxy_gate.c \
	modules/reproxy/reproxy_gather.c \
	modules/reproxy/reproxy_request.c \
	modules/reproxy/reproxy_slate.c \
	modules/reproxy/reproxy_timeout.c

# The tool: the pure part, and the rest.
tool_core = \
	support/import_core.c \
	support/import_core.h
tool_sources = \
	support/hostmap.c \
	support/hostmap_build.c \
	support/hostmap_change.c \
	support/hostmap_check.c \
	support/hostmap_convert.c \
	support/hostmap_diff.c \
	support/hostmap_get.c \
	support/hostmap_httxt2dbm.c \
	support/hostmap_idn.c \
	support/hostmap_idn.h \
	support/hostmap_import.c \
	support/hostmap_import.h \
	support/hostmap_json.c \
	support/hostmap_json.h \
	support/hostmap_load.c \
	support/hostmap_load.h \
	support/hostmap_progress.c \
	support/hostmap_progress.h \
	support/hostmap_read.c \
	support/hostmap_sort.c \
	support/hostmap_sort.h \
	support/hostmap_source.c \
	support/hostmap_source.h \
	support/hostmap_stat.c \
	support/hostmap_stream.c \
	support/hostmap_stream.h \
	support/hostmap_table.c \
	support/hostmap_table.h \
	support/hostmap_tool.c \
	support/hostmap_tool.h

# Unit tests: one program.
unit_sources = \
	test/unit/folder.c \
	test/unit/folder.h \
	test/unit/guard.c \
	test/unit/guard.h \
	test/unit/suites.h \
	test/unit/test_cache.c \
	test/unit/test_entry.c \
	test/unit/test_file.c \
	test/unit/test_import.c \
	test/unit/test_key.c \
	test/unit/test_known.c \
	test/unit/test_loop.c \
	test/unit/test_match.c \
	test/unit/test_memory.c \
	test/unit/test_option.c \
	test/unit/test_pool.c \
	test/unit/test_pool_options.c \
	test/unit/test_reproxy_allow.c \
	test/unit/test_reproxy_cache.c \
	test/unit/test_reproxy_headers.c \
	test/unit/test_reproxy_url.c \
	test/unit/test_property.c \
	test/unit/test_reverse.c \
	test/unit/test_serve.c \
	test/unit/test_target.c \
	test/unit/test_text.c \
	test/unit/unit.c \
	test/unit/vectors.c \
	test/unit/vectors.h

# Fuzz targets: test/fuzz/fuzz_X.c each, with fuzz_main.c; what they are fed in
# `make check` lies in test/fuzz/corpus/X.
fuzz_programs = \
	test/fuzz/fuzz_entry \
	test/fuzz/fuzz_import \
	test/fuzz/fuzz_key \
	test/fuzz/fuzz_loop \
	test/fuzz/fuzz_match \
	test/fuzz/fuzz_reproxy_headers \
	test/fuzz/fuzz_reproxy_url \
	test/fuzz/fuzz_reverse \
	test/fuzz/fuzz_target \
	test/fuzz/fuzz_text

# Small scripts that `make check` runs over the sources and what was built.
guard_scripts = \
	test/check-compatibility \
	test/check-directives \
	test/check-fuzz \
	test/check-layers \
	test/check-messages \
	test/check-names \
	test/check-packages \
	test/check-sources \
	test/check-style \
	test/check-symbols \
	test/check-version

# What Debian's packages are made with.  By name: building leaves files beside.
package_files = \
	debian/changelog \
	debian/control \
	debian/copyright \
	debian/hostmap.docs \
	debian/hostmap.install \
	debian/hostmap.lintian-overrides \
	debian/libapache2-mod-switchboard.README.Debian \
	debian/libapache2-mod-switchboard.apache2 \
	debian/libapache2-mod-switchboard.dirs \
	debian/libapache2-mod-switchboard.docs \
	debian/libapache2-mod-switchboard.install \
	debian/libapache2-mod-switchboard.lintian-overrides \
	debian/libapache2-mod-switchboard.postinst \
	debian/not-installed \
	debian/rules \
	debian/source/format \
	debian/source/lintian-overrides \
	debian/tests/control \
	debian/tests/serve
