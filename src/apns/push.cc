#include "apns/push.h"

#include <algorithm>
#include <boost/json.hpp>

namespace bz::apns {
namespace {

constexpr size_t kMaxAnswer = 4096, kMaxReason = 64, kMaxDepth = 4;

struct Answer {
  std::string reason;
  int64_t timestamp = -1;
};

// {"reason":"Unregistered","timestamp":1629000000000}; anything else says nothing.
Answer read_answer(std::string_view body) {
  Answer answer;
  if (body.size() > kMaxAnswer) return answer;
  boost::json::parse_options options;
  options.max_depth = kMaxDepth;
  boost::system::error_code error;
  const boost::json::value value = boost::json::parse({body.data(), body.size()}, error, {}, options);
  const boost::json::object* object = error ? nullptr : value.if_object();
  if (!object) return answer;
  if (const auto* reason = object->if_contains("reason"); reason && reason->is_string()) {
    const boost::json::string& text = reason->get_string();
    answer.reason.assign(text.data(), std::min(text.size(), kMaxReason));
    std::replace_if(answer.reason.begin(), answer.reason.end(), [](char c) { return c < 0x20 || c >= 0x7f; }, '?');
  }
  if (const auto* when = object->if_contains("timestamp"); when && when->is_int64()) answer.timestamp = when->get_int64();
  return answer;
}

Verdict verdict_of(int status, std::string_view reason) {
  if (status == 200) return Verdict::Sent;
  if (status == 410 || (status == 400 && reason == "BadDeviceToken")) return Verdict::Gone;
  if (status == 429) return Verdict::Slower;
  if (status >= 500) return Verdict::Later;
  if (status == 403 || reason == "BadTopic" || reason == "TopicDisallowed") return Verdict::Barred;
  return Verdict::Lost;
}

}  // namespace

https::Request request_of(const Push& push, std::string_view server, std::string_view topic, int64_t now) {
  https::Request request;
  request.url = std::string(server) + "/3/device/" + push.token;
  request.method = "POST";
  const auto header = [&](const char* name, std::string_view value) {
    request.headers.emplace_back(name, Secret(std::string(value)));
  };
  header("content-type", "application/json");
  header("apns-topic", topic);
  header("apns-push-type", "background");
  header("apns-priority", "5");  // what a background push must have
  header("apns-expiration", std::to_string(now + kKept));
  boost::json::object inner;
  inner["account-id"] = push.account_id;
  boost::json::object body;
  body["aps"] = std::move(inner);
  request.body = Secret(boost::json::serialize(body));
  return request;
}

Judgement judge(const Result<https::Reply>& reply) {
  if (!reply) return {Verdict::Later, reply.error().text()};
  Answer answer = read_answer(reply->body);
  Judgement out{verdict_of(reply->status, answer.reason), "status " + std::to_string(reply->status)};
  if (!answer.reason.empty()) out.reason += " " + answer.reason;
  if (out.verdict == Verdict::Gone) out.gone_at = answer.timestamp;
  return out;
}

}  // namespace bz::apns
