#include "roles/inner_question.h"

#include "wire/frame.h"
#include "wire/schema.h"

namespace bz::roles {
namespace {

constexpr size_t kMaxRecords = 10;

}  // namespace

Task<Result<std::map<std::string, std::string>>> ask_inside(net::Stream& stream, std::string secret, std::string request,
                                                            net::Deadline deadline) {
  std::string question =
      wire::encode_frame(wire::kEnroll, wire::NamedBytes{std::move(secret), std::move(request)}.encode());
  auto writing = stream.write_all(question, deadline);
  auto written = co_await std::move(writing);
  base::wipe(question.data(), question.size());
  if (!written) co_return std::move(written).error();
  std::map<std::string, std::string> out;
  wire::FrameReader reader;
  std::string buffer(16 << 10, '\0');
  for (;;) {
    BZ_CO_TRY(auto frame, reader.next());
    if (frame && frame->type != wire::kEnrolled) co_return fail(Errc::Invalid, "an unknown answer");
    if (frame) {
      BZ_CO_TRY(auto record, wire::NamedBytes::decode(frame->payload));
      if (record.name == "end") co_return std::move(out);
      if (record.name == "refused") co_return fail(Errc::Denied, "the inside refuses: " + record.bytes);
      out[record.name] = std::move(record.bytes);
      if (out.size() > kMaxRecords) co_return fail(Errc::Invalid, "an answer without end");
      continue;
    }
    auto reading = stream.read_some(buffer, deadline);
    auto got = co_await std::move(reading);
    if (!got) co_return std::move(got).error();
    if (*got == 0) co_return fail(Errc::Closed, "the inside ended the connection without an answer");
    reader.feed(std::string_view(buffer).substr(0, *got));
  }
}

Result<crypto::NodeIdentity> check_renewed(const std::string& certificate_pem, const Secret& key_pem,
                                           const crypto::NodeIdentity& present) {
  BZ_TRY_VOID(crypto::check_certified_key({certificate_pem, key_pem}));
  BZ_TRY(auto renewed, crypto::node_identity_pem(certificate_pem));
  if (renewed.name != present.name || renewed.role != present.role)
    return fail(Errc::Denied, "the new certificate is for " + renewed.name + "." + renewed.role);
  if (renewed.not_after < present.not_after) return fail(Errc::Denied, "the new certificate ends earlier");
  return renewed;
}

}  // namespace bz::roles
