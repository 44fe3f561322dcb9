// What the visits to all doors share: the options, the report, and the way in up to the server's first line.
#pragma once
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "probe/link.h"
#include "probe/probe.h"

namespace bz::probe {

class Visit {
 public:
  Visit(net::Loop& loop, const Options& options, const Door& door, const crypto::TlsContext& context, Report& report,
        std::set<std::string>& judged);

  // The first connection says all that is wrong on the way; nullptr: it is of no use, and the report says why.
  Task<std::unique_ptr<Link>> enter();
  // Further connections say only that they failed.
  Task<Result<std::unique_ptr<Link>>> enter_again();
  // The handshake and what it shows; false: no TLS.
  Task<bool> secure(Link& link);

  void fact(std::string text) { report_.facts.push_back(where() + ": " + std::move(text)); }
  void add(Severity severity, const char* code, std::string text, std::string advice);
  void error(const char* code, std::string text, std::string advice) {
    add(Severity::Error, code, std::move(text), std::move(advice));
  }
  void warning(const char* code, std::string text, std::string advice) {
    add(Severity::Warning, code, std::move(text), std::move(advice));
  }
  void note(const char* code, std::string text, std::string advice) {
    add(Severity::Note, code, std::move(text), std::move(advice));
  }
  // The server did not answer `question` as it must.
  void lost(const char* code, std::string_view question, const Error& error);
  // The mechanisms that phones have (PLAIN, LOGIN, CRAM-MD5) among those offered under TLS.
  void judge_mechanisms(const std::vector<std::string>& offered);

  std::string where() const { return door_.name + " (" + std::to_string(door_.port) + ")"; }
  const Options& options() const { return options_; }
  const Door& door() const { return door_; }
  const crypto::TlsContext& context() const { return context_; }
  bool may_log_in() const { return door_.login && !options_.user.empty(); }

 private:
  Task<Result<std::unique_ptr<Link>>> connect();
  Task<void> look_for_plain_text();
  void judge_tls(Link& link);
  net::Loop& loop_;
  const Options& options_;
  const Door& door_;
  const crypto::TlsContext& context_;
  Report& report_;
  std::set<std::string>& judged_;  // certificates whose findings are in the report already
};

Task<void> visit_imap(Visit& visit);
Task<void> visit_pop3(Visit& visit);
Task<void> visit_smtp(Visit& visit);

// "a (b) c" as words without parentheses, upper case.
std::vector<std::string> words_of(std::string_view text);
bool has(const std::vector<std::string>& words, std::string_view word);

}  // namespace bz::probe
