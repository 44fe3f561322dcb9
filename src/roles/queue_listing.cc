#include "roles/queue_listing.h"

namespace bz::roles {
namespace {

std::string quoted(std::string_view text) {
  static constexpr char kHex[] = "0123456789abcdef";
  std::string out = "\"";
  for (char c : text) {
    auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20 || byte == 0x7f) {
      out += std::string("\\u00") + kHex[byte >> 4] + kHex[byte & 15];
    } else {
      out += c;
    }
  }
  return out + '"';
}

std::string printable(std::string text) {
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  }
  return text;
}

std::string span(int64_t millis) {
  int64_t seconds = std::max<int64_t>(millis, 0) / 1000;
  if (seconds < 120) return std::to_string(seconds) + "s";
  if (seconds < 7200) return std::to_string(seconds / 60) + "m";
  if (seconds < 172'800) return std::to_string(seconds / 3600) + "h";
  return std::to_string(seconds / 86'400) + "d";
}

std::string json_of(const queue::Entry& entry) {
  const queue::Envelope& e = entry.envelope;
  std::string out = "{\"qid\":" + quoted(e.id) + ",\"from\":" + quoted(e.sender.to_string()) +
                    ",\"size\":" + std::to_string(e.size) + ",\"received_ms\":" + std::to_string(e.received) +
                    ",\"recipients\":[";
  for (const queue::Recipient& r : e.recipients) {
    if (!r.waiting()) continue;
    if (out.back() == '}') out += ',';
    out += "{\"to\":" + quoted(r.rcpt.recipient.to_string()) + ",\"class\":" + quoted(name(r.cls)) +
           ",\"attempts\":" + std::to_string(r.attempts) + ",\"next_try_ms\":" + std::to_string(r.next_try) +
           ",\"last_reply\":" + quoted(r.attempts == 0 ? "" : r.last_reply.to_string()) + "}";
  }
  return out + "]}";
}

std::string text_of(const queue::Entry& entry, int64_t now) {
  const queue::Envelope& e = entry.envelope;
  std::string out = e.id + "  from " + printable(e.sender.to_path()) + "  " + std::to_string(e.size) + " bytes, " +
                    span(now - e.received) + " old\n";
  for (const queue::Recipient& r : e.recipients) {
    if (!r.waiting()) continue;
    out += "    to " + printable(r.rcpt.recipient.to_path()) + " (" + std::string(name(r.cls)) + "), " +
           std::to_string(r.attempts) + " attempts, next in " + span(r.next_try - now) + "\n";
    if (r.attempts > 0) out += "        " + printable(r.remote_mta + ": " + r.last_reply.to_string()) + "\n";
  }
  return out;
}

}  // namespace

std::string queue_listing(const std::vector<const queue::Entry*>& entries, bool json, int64_t now) {
  std::string out = json ? "[" : "";
  for (const queue::Entry* entry : entries) {
    if (json && out.size() > 1) out += ",\n";
    out += json ? json_of(*entry) : text_of(*entry, now);
  }
  if (json) return out + "]\n";
  return out.empty() ? "the queue is empty\n" : out;
}

}  // namespace bz::roles
