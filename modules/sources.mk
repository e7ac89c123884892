# SPDX-License-Identifier: Apache-2.0
# The one list of what is built, read by Makefile.am, by Makefile.apxs and by
# the scripts test/check-*.  Paths are relative to the top of the tree.  Plain
# assignments only: automake and make both have to understand them.

switchboard_version = 0.1.0

# The modules: mod_X.so is made from mod_X_sources and mod_X_core.
switchboard_modules = mod_proxy_express mod_proxy_pool mod_reproxy \
	mod_ssl_certmap mod_switchboard_status

# What modules of others may include: installed.
module_headers = \
	include/mod_proxy_express.h \
	include/mod_proxy_pool.h \
	include/mod_reproxy.h

# What the parts share: APR only.
base_sources = \
	modules/base/atomic.h \
	modules/base/hash.h \
	modules/base/histogram.c \
	modules/base/histogram.h \
	modules/base/json.c \
	modules/base/json.h \
	modules/base/limit.c \
	modules/base/limit.h \
	modules/base/loop.c \
	modules/base/loop.h \
	modules/base/option.c \
	modules/base/option.h \
	modules/base/own_pool.c \
	modules/base/own_pool.h \
	modules/base/scan.c \
	modules/base/scan.h \
	modules/base/slots.c \
	modules/base/slots.h \
	modules/base/slots_share.c \
	modules/base/slots_share.h \
	modules/base/str.h \
	modules/base/url.c \
	modules/base/url.h

# The map library: base, APR, APR-util; LMDB in its store/.
hostmap_sources = \
	modules/hostmap/hostmap.c \
	modules/hostmap/hostmap.h \
	modules/hostmap/hostmap_backend.c \
	modules/hostmap/hostmap_backend.h \
	modules/hostmap/hostmap_entry.c \
	modules/hostmap/hostmap_entry.h \
	modules/hostmap/hostmap_group.c \
	modules/hostmap/hostmap_group.h \
	modules/hostmap/hostmap_key.c \
	modules/hostmap/hostmap_key.h \
	modules/hostmap/hostmap_match.c \
	modules/hostmap/hostmap_match.h \
	modules/hostmap/hostmap_path.c \
	modules/hostmap/hostmap_text.c \
	modules/hostmap/hostmap_text.h \
	modules/hostmap/store/hostmap_cache.c \
	modules/hostmap/store/hostmap_cache.h \
	modules/hostmap/store/hostmap_copy.c \
	modules/hostmap/store/hostmap_copy.h \
	modules/hostmap/store/hostmap_dbm.c \
	modules/hostmap/store/hostmap_features.c \
	modules/hostmap/store/hostmap_file.c \
	modules/hostmap/store/hostmap_file.h \
	modules/hostmap/store/hostmap_guard.c \
	modules/hostmap/store/hostmap_guard.h \
	modules/hostmap/store/hostmap_lmdb.c \
	modules/hostmap/store/hostmap_magic.c \
	modules/hostmap/store/hostmap_names.c \
	modules/hostmap/store/hostmap_pages.c \
	modules/hostmap/store/hostmap_pages.h \
	modules/hostmap/store/hostmap_place.c \
	modules/hostmap/store/hostmap_place.h \
	modules/hostmap/store/hostmap_provider.h \
	modules/hostmap/store/hostmap_reason.c \
	modules/hostmap/store/hostmap_reason.h \
	modules/hostmap/store/hostmap_type.c \
	modules/hostmap/store/hostmap_writer.c \
	modules/hostmap/store/hostmap_writer.h

# mod_proxy_express: the pure part, and the part that knows httpd.
mod_proxy_express_core = \
	modules/express/loop_memory_core.c \
	modules/express/loop_memory_core.h \
	modules/express/reverse_core.c \
	modules/express/reverse_core.h \
	modules/express/target_core.c \
	modules/express/target_core.h \
	modules/express/value_cache_core.c \
	modules/express/value_cache_core.h
mod_proxy_express_sources = \
	modules/express/express_canon.c \
	modules/express/express_canon.h \
	modules/express/express_facts.c \
	modules/express/express_facts.h \
	modules/express/express_group.c \
	modules/express/express_group.h \
	modules/express/express_interim.c \
	modules/express/express_interim.h \
	modules/express/express_loop.c \
	modules/express/express_loop.h \
	modules/express/express_request.c \
	modules/express/express_request.h \
	modules/express/express_response.c \
	modules/express/express_response.h \
	modules/express/express_reverse.c \
	modules/express/express_reverse.h \
	modules/express/express_route.c \
	modules/express/express_route.h \
	modules/express/express_value.c \
	modules/express/express_value.h \
	modules/express/mod_proxy_express.c

# mod_proxy_pool.
mod_proxy_pool_core = \
	modules/pool/pool_choice_core.c \
	modules/pool/pool_choice_core.h \
	modules/pool/pool_core.c \
	modules/pool/pool_core.h \
	modules/pool/pool_health_core.c \
	modules/pool/pool_health_core.h \
	modules/pool/pool_limit_core.c \
	modules/pool/pool_limit_core.h \
	modules/pool/pool_options_core.c \
	modules/pool/pool_options_core.h
mod_proxy_pool_sources = \
	modules/pool/mod_proxy_pool.c \
	modules/pool/pool_attempt.c \
	modules/pool/pool_attempt.h \
	modules/pool/pool_conf.c \
	modules/pool/pool_conf.h \
	modules/pool/pool_flight.c \
	modules/pool/pool_flight.h \
	modules/pool/pool_group.c \
	modules/pool/pool_group.h \
	modules/pool/pool_key.c \
	modules/pool/pool_key.h \
	modules/pool/pool_request.c \
	modules/pool/pool_request.h \
	modules/pool/pool_worker.c \
	modules/pool/pool_worker.h

# mod_reproxy.
mod_reproxy_core = \
	modules/reproxy/reproxy_allow_core.c \
	modules/reproxy/reproxy_allow_core.h \
	modules/reproxy/reproxy_cache_core.c \
	modules/reproxy/reproxy_cache_core.h \
	modules/reproxy/reproxy_headers_core.c \
	modules/reproxy/reproxy_headers_core.h \
	modules/reproxy/reproxy_url_core.c \
	modules/reproxy/reproxy_url_core.h
mod_reproxy_sources = \
	modules/reproxy/mod_reproxy.c \
	modules/reproxy/reproxy.h \
	modules/reproxy/reproxy_access.c \
	modules/reproxy/reproxy_answer.c \
	modules/reproxy/reproxy_attempt.c \
	modules/reproxy/reproxy_conf.c \
	modules/reproxy/reproxy_file.c \
	modules/reproxy/reproxy_gate.c \
	modules/reproxy/reproxy_gather.c \
	modules/reproxy/reproxy_judge.c \
	modules/reproxy/reproxy_log.c \
	modules/reproxy/reproxy_loop.c \
	modules/reproxy/reproxy_request.c \
	modules/reproxy/reproxy_restore.c \
	modules/reproxy/reproxy_swallow.c \
	modules/reproxy/reproxy_timeout.c

# mod_ssl_certmap: the pure part; and the part that knows OpenSSL, which the
# module and the tool share.
certmap_core = \
	modules/certmap/certmap_name_core.c \
	modules/certmap/certmap_name_core.h \
	modules/certmap/certmap_record_core.c \
	modules/certmap/certmap_record_core.h
certmap_crypto = \
	modules/certmap/certmap_master.c \
	modules/certmap/certmap_master.h \
	modules/certmap/certmap_pair.c \
	modules/certmap/certmap_pair.h \
	modules/certmap/certmap_seal.c \
	modules/certmap/certmap_seal.h

mod_ssl_certmap_core = \
	modules/certmap/certmap_cache_core.c \
	modules/certmap/certmap_cache_core.h \
	modules/certmap/certmap_find_core.c \
	modules/certmap/certmap_find_core.h
mod_ssl_certmap_sources = \
	modules/certmap/certmap_handshake.c \
	modules/certmap/certmap_handshake.h \
	modules/certmap/mod_ssl_certmap.c

# mod_switchboard_status.
mod_switchboard_status_core = \
	modules/status/status_html_core.c \
	modules/status/status_html_core.h \
	modules/status/status_json_core.c \
	modules/status/status_json_core.h \
	modules/status/status_metrics_core.c \
	modules/status/status_metrics_core.h \
	modules/status/status_out_core.c \
	modules/status/status_out_core.h \
	modules/status/status_page_core.c \
	modules/status/status_page_core.h \
	modules/status/status_view_core.c \
	modules/status/status_view_core.h
mod_switchboard_status_sources = \
	modules/status/mod_switchboard_status.c \
	modules/status/status_count.c \
	modules/status/status_count.h \
	modules/status/status_follower.c \
	modules/status/status_follower.h \
	modules/status/status_gather.c \
	modules/status/status_gather.h \
	modules/status/status_log.c \
	modules/status/status_log.h

# The tool: the pure part, and the rest.
tool_core = \
	support/hostmap/entries/import_core.c \
	support/hostmap/entries/import_core.h \
	support/hostmap/entries/import_csv_core.c \
	support/hostmap/entries/import_csv_core.h \
	support/hostmap/entries/import_haproxy_core.c \
	support/hostmap/entries/import_haproxy_core.h \
	support/hostmap/entries/import_nginx_core.c \
	support/hostmap/entries/import_nginx_core.h \
	support/hostmap/entries/import_text.h \
	support/hostmap/follow/change_core.c \
	support/hostmap/follow/change_core.h \
	support/hostmap/follow/digest_core.c \
	support/hostmap/follow/digest_core.h \
	support/hostmap/follow/report_core.c \
	support/hostmap/follow/report_core.h \
	support/hostmap/follow/sql_core.c \
	support/hostmap/follow/sql_core.h \
	support/hostmap/follow/state_core.c \
	support/hostmap/follow/state_core.h \
	support/hostmap/follow/url_core.c \
	support/hostmap/follow/url_core.h
tool_sources = \
	support/hostmap/entries/pairs.c \
	support/hostmap/entries/pairs.h \
	support/hostmap/follow/batch.c \
	support/hostmap/follow/batch.h \
	support/hostmap/follow/engine.c \
	support/hostmap/follow/fill.c \
	support/hostmap/follow/fill.h \
	support/hostmap/follow/follower.h \
	support/hostmap/follow/keep.c \
	support/hostmap/follow/keep.h \
	support/hostmap/follow/log.c \
	support/hostmap/follow/log.h \
	support/hostmap/follow/print_sql.c \
	support/hostmap/follow/print_sql.h \
	support/hostmap/follow/relay.c \
	support/hostmap/follow/relay.h \
	support/hostmap/follow/snapshot.c \
	support/hostmap/follow/status.c \
	support/hostmap/follow/store.c \
	support/hostmap/follow/store.h \
	support/hostmap/follow/tick.c \
	support/hostmap/verbs/fleet.c \
	support/hostmap/verbs/follow.c \
	support/hostmap/verbs/pull.c \
	support/hostmap/verbs/push.c \
	support/hostmap/verbs/store.c \
	support/hostmap/verbs/store.h \
	support/hostmap/verbs/verify.c \
	support/hostmap/entries/groups.c \
	support/hostmap/entries/groups.h \
	support/hostmap/entries/import.c \
	support/hostmap/entries/import.h \
	support/hostmap/entries/line.c \
	support/hostmap/entries/line.h \
	support/hostmap/entries/load.c \
	support/hostmap/entries/load.h \
	support/hostmap/entries/report.c \
	support/hostmap/entries/report.h \
	support/hostmap/entries/sort.c \
	support/hostmap/entries/sort.h \
	support/hostmap/entries/source.c \
	support/hostmap/entries/source.h \
	support/hostmap/entries/stream.c \
	support/hostmap/entries/stream.h \
	support/hostmap/entries/table.c \
	support/hostmap/entries/table.h \
	support/hostmap/command.c \
	support/hostmap/command.h \
	support/hostmap/get_http.c \
	support/hostmap/get_http.h \
	support/hostmap/idn.c \
	support/hostmap/idn.h \
	support/hostmap/json.c \
	support/hostmap/json.h \
	support/hostmap/main.c \
	support/hostmap/message.c \
	support/hostmap/message.h \
	support/hostmap/progress.c \
	support/hostmap/progress.h \
	support/hostmap/text.c \
	support/hostmap/text.h \
	support/hostmap/tool.c \
	support/hostmap/tool.h \
	support/hostmap/verbs/build.c \
	support/hostmap/verbs/build.h \
	support/hostmap/verbs/change.c \
	support/hostmap/verbs/check.c \
	support/hostmap/verbs/convert.c \
	support/hostmap/verbs/diff.c \
	support/hostmap/verbs/get.c \
	support/hostmap/verbs/httxt2dbm.c \
	support/hostmap/verbs/list.c \
	support/hostmap/verbs/stat.c \
	support/hostmap/verbs/top.c \
	support/hostmap/verbs/top_screen.c \
	support/hostmap/verbs/top_screen.h \
	support/hostmap/verbs/verbs.h

# Of the tool, what needs hiredis: left out where that is missing.
tool_redis_sources = \
	support/hostmap/follow/redis.c \
	support/hostmap/follow/redis_link.c \
	support/hostmap/follow/redis_link.h

# What needs libpq.
tool_libpq_sources = \
	support/hostmap/follow/postgresql.c

# `hostmap cert`, and what is in its place in a build without OpenSSL.
tool_cert_sources = \
	support/hostmap/cert/cert.c \
	support/hostmap/cert/cert.h \
	support/hostmap/cert/check.c \
	support/hostmap/cert/due.c \
	support/hostmap/cert/import.c \
	support/hostmap/cert/list.c \
	support/hostmap/cert/map.c \
	support/hostmap/cert/map.h \
	support/hostmap/cert/pem.c \
	support/hostmap/cert/pem.h \
	support/hostmap/cert/rekey.c \
	support/hostmap/cert/set.c \
	support/hostmap/cert/shard.c \
	support/hostmap/cert/shard.h \
	support/hostmap/cert/stat.c
tool_no_cert_sources = \
	support/hostmap/cert/cert.h \
	support/hostmap/cert/none.c

# Unit tests: one program.
unit_sources = \
	test/unit/folder.c \
	test/unit/folder.h \
	test/unit/guard.c \
	test/unit/guard.h \
	test/unit/suites.h \
	test/unit/test_cache.c \
	test/unit/test_certmap_core.c \
	test/unit/test_entry.c \
	test/unit/test_file.c \
	test/unit/test_follow.c \
	test/unit/test_hitters.c \
	test/unit/test_import.c \
	test/unit/test_json.c \
	test/unit/test_key.c \
	test/unit/test_limit.c \
	test/unit/test_loop.c \
	test/unit/test_loop_memory.c \
	test/unit/test_match.c \
	test/unit/test_option.c \
	test/unit/test_pages.c \
	test/unit/test_pool.c \
	test/unit/test_pool_health.c \
	test/unit/test_pool_limit.c \
	test/unit/test_pool_choice.c \
	test/unit/test_pool_options.c \
	test/unit/test_reproxy_allow.c \
	test/unit/test_reproxy_cache.c \
	test/unit/test_reproxy_headers.c \
	test/unit/test_reproxy_url.c \
	test/unit/test_property.c \
	test/unit/test_reverse.c \
	test/unit/test_serve.c \
	test/unit/test_slots.c \
	test/unit/test_status.c \
	test/unit/test_target.c \
	test/unit/test_text.c \
	test/unit/test_value_cache.c \
	test/unit/unit.c \
	test/unit/vectors.c \
	test/unit/vectors.h

# What needs OpenSSL: another program.
unit_certmap_sources = \
	test/unit/folder.c \
	test/unit/folder.h \
	test/unit/suites.h \
	test/unit/test_certmap_cache.c \
	test/unit/test_certmap_pair.c \
	test/unit/unit_certmap.c

# Fuzz targets: test/fuzz/fuzz_X.c each, with fuzz_main.c; what they are fed in
# `make check` lies in test/fuzz/corpus/X.
fuzz_programs = \
	test/fuzz/fuzz_certmap_record \
	test/fuzz/fuzz_entry \
	test/fuzz/fuzz_follow \
	test/fuzz/fuzz_import \
	test/fuzz/fuzz_json \
	test/fuzz/fuzz_key \
	test/fuzz/fuzz_loop \
	test/fuzz/fuzz_match \
	test/fuzz/fuzz_pages \
	test/fuzz/fuzz_reproxy_headers \
	test/fuzz/fuzz_reproxy_url \
	test/fuzz/fuzz_reverse \
	test/fuzz/fuzz_status \
	test/fuzz/fuzz_target \
	test/fuzz/fuzz_text

# Small scripts that `make check` runs over the sources and what was built.
guard_scripts = \
	test/check-circles \
	test/check-compatibility \
	test/check-config \
	test/check-directives \
	test/check-fuzz \
	test/check-imports \
	test/check-layers \
	test/check-links \
	test/check-messages \
	test/check-names \
	test/check-packages \
	test/check-sources \
	test/check-statics \
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
	debian/hostmap.postinst \
	debian/hostmap.postrm \
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
