#include "https/fetch.h"

#include <algorithm>

#include "https/transfer.h"

namespace bz::https {

namespace {

constexpr size_t kMaxUrl = 2048;

}  // namespace

std::string_view Reply::header(std::string_view name) const {
  auto it = std::find_if(headers.begin(), headers.end(), [&](const auto& header) { return header.first == name; });
  return it == headers.end() ? std::string_view() : std::string_view(it->second);
}

bool is_url(std::string_view text, Scheme scheme) {
  const std::string_view head = scheme == Scheme::Https ? "https://" : "http://";
  if (text.size() > kMaxUrl || !text.starts_with(head)) return false;
  if (!std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7f; })) return false;
  std::string_view rest = text.substr(head.size()), host = rest.substr(0, rest.find_first_of("/?#"));
  return !host.empty() && host.find('@') == host.npos;
}

Result<void> prepare() {
  if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) return fail(Errc::Internal, "libcurl cannot start");
  return {};
}

Result<Reply> fetch(const Request& request, const Limits& limits, std::string_view ca_pem, const std::atomic<bool>* stop) {
  if (!is_url(request.url, request.scheme))
    return fail(Errc::Invalid, request.scheme == Scheme::Https ? "no https URL" : "no http URL");
  Transfer transfer(request, limits, ca_pem, stop);
  if (!transfer.curl()) return fail(Errc::Internal, "libcurl");
  return transfer.outcome(curl_easy_perform(transfer.curl()));
}

}  // namespace bz::https
