#include "delivery/link.h"

#include "base/log.h"

namespace bz::delivery {
namespace {

using Want = smtp::ClientFsm::Want;
constexpr size_t kWriteAt = 64 << 10;

smtp::Reply lost_reply(const Error& error) {
  if (error.code() == Errc::Timeout) return {451, "4.4.2", "The server did not answer in time"};
  return {451, "4.4.2", "The connection was lost"};
}

}  // namespace

Link::Link(std::unique_ptr<net::Stream> stream, smtp::ClientConfig config, const crypto::TlsContext& tls, std::string host,
           const Settings& settings)
    : stream_(std::move(stream)), fsm_(std::move(config)), tls_(tls), host_(std::move(host)), settings_(settings) {}

net::Deadline Link::deadline() const {
  using Class = smtp::ClientFsm::DeadlineClass;
  switch (fsm_.deadline_class()) {
    case Class::Greeting:
      return net::Deadline::in(settings_.greeting_time);
    case Class::Command:
      return net::Deadline::in(settings_.command_time);
    case Class::DataStart:
      return net::Deadline::in(settings_.data_start_time);
    case Class::DataBlock:
      return net::Deadline::in(settings_.data_block_time);
    case Class::DataEnd:
      return net::Deadline::in(settings_.data_end_time);
  }
  return net::Deadline::in(settings_.command_time);
}

std::pair<std::string, std::string> Link::tls() const {
  if (!fsm_.tls_active() || !stream_->is_tls()) return {};
  return {stream_->tls().version, stream_->tls().cipher};
}

Task<Result<void>> Link::flush() {
  const auto bytes = fsm_.take_output();
  if (bytes.empty()) co_return Result<void>();
  auto writing = stream_->write_all(bytes, deadline());
  co_return co_await writing;
}

Task<Result<void>> Link::read() {
  char buffer[4096];
  auto reading = stream_->read_some(buffer, deadline());
  BZ_CO_TRY(const size_t size, co_await reading);
  if (size == 0) co_return fail(Errc::Closed, "the server left");
  heard_ = true;
  fsm_.input(std::string_view(buffer, size));
  co_return Result<void>();
}

Task<Result<void>> Link::handshake() {
  auto starting = stream_->connect_tls(tls_, host_, net::Deadline::in(settings_.handshake_time));
  const auto tls = co_await starting;
  if (!tls) {
    handshake_failed_ = true;
    fsm_.lost(smtp::Reply(450, "4.7.5", "TLS could not be started: " + tls.error().text()));
    co_return Result<void>();
  }
  fsm_.tls_started();
  co_return Result<void>();
}

Task<Result<void>> Link::send_body(Content* content) {
  while (fsm_.want() == Want::Body) {
    auto reading = content->next();
    const auto piece = co_await reading;
    if (!piece) {
      log::event(log::Err, "queued_message_unreadable").field("mta", host_).error(piece.error());
      fsm_.body_failed();
      co_return Result<void>();
    }
    if (piece->empty()) {
      fsm_.body_end();
      co_return Result<void>();
    }
    fsm_.body(*piece);
    if (fsm_.output_size() < kWriteAt) continue;
    auto flushing = flush();
    BZ_CO_TRY_VOID(co_await flushing);
  }
  co_return Result<void>();
}

// Until there is something for the caller to decide.
Task<void> Link::turn(Content* content) {
  while (true) {
    auto flushing = flush();
    auto result = co_await flushing;
    if (result) {
      switch (fsm_.want()) {
        case Want::Input: {
          auto reading = read();
          result = co_await reading;
          break;
        }
        case Want::Handshake: {
          auto shaking = handshake();
          result = co_await shaking;
          break;
        }
        case Want::Body: {
          auto sending = send_body(content);
          result = co_await sending;
          break;
        }
        case Want::Message:
        case Want::Result:
          co_return;
        case Want::Closed:
          stream_->close();
          co_return;
      }
    }
    if (!result) fsm_.lost(lost_reply(result.error()));
    if (!result) stream_->close();
    if (!result) co_return;
  }
}

Task<void> Link::open() {
  auto turning = turn(nullptr);
  co_await turning;
}

Task<std::vector<smtp::Outcome>> Link::deliver(smtp::ClientMessage message, Content content) {
  heard_ = false;
  ++delivered_;
  fsm_.start(std::move(message));
  auto turning = turn(&content);
  co_await turning;
  auto outcomes = fsm_.outcomes();
  if (fsm_.want() == Want::Result) {
    fsm_.next_message();
    auto resetting = turn(nullptr);
    co_await resetting;
  }
  co_return outcomes;
}

Task<void> Link::quit() {
  fsm_.quit();
  auto turning = turn(nullptr);
  co_await turning;
}

smtp::ClientMessage client_message(const queue::Envelope& envelope, const std::vector<size_t>& recipients, uint64_t size) {
  smtp::ClientMessage message;
  auto& mail = message.mail;
  mail.sender = envelope.sender;
  mail.size = size;
  if (envelope.eight_bit) mail.body = smtp::BodyType::EightBitMime;
  mail.smtputf8 = envelope.smtputf8;
  mail.ret = envelope.ret;
  mail.envid = envelope.envid;
  mail.queue_id = envelope.id;
  mail.session = envelope.session;
  for (const size_t i : recipients) message.recipients.push_back(envelope.recipients[i].rcpt);
  return message;
}

queue::ContentReader::View view_of(const queue::Envelope& envelope, const std::vector<size_t>& recipients) {
  const bool sent = envelope.recipients[recipients.front()].cls == queue::RecipientClass::SentCopy;
  return sent ? queue::ContentReader::View::SentCopy : queue::ContentReader::View::Deliver;
}

std::vector<queue::Attempt> same_for_all(size_t count, const smtp::Reply& reply, const std::string& remote) {
  using Kind = smtp::Outcome::Kind;
  const Kind kind = reply.permanent() ? Kind::Permanent : Kind::Temporary;
  return std::vector<queue::Attempt>(count, queue::Attempt{{kind, reply}, remote, false});
}

}  // namespace bz::delivery
