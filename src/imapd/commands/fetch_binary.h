// BINARY[...] and BINARY.SIZE[...] (RFC 3516): a part without its transfer encoding. Its size stands in front of it, so an
// encoded part is decoded twice, piece by piece; no part is ever held whole. The session remembers the part it decoded
// last: windows that are asked for one after the other go on where the last one ended.
#pragma once
#include <memory>
#include <optional>
#include <vector>

#include "imap/fetch.h"
#include "imap/response.h"
#include "imapd/session.h"
#include "mime/record.h"

namespace bz::imapd {

struct DecodedPart {
  EmailId email;
  std::vector<uint32_t> part;
  mime::Range range;  // of its encoded octets
  mime::Encoding encoding = mime::Encoding::Identity;
  std::optional<uint64_t> size;  // decoded; unset: not counted yet
  uint64_t lines = 0;            // line ends in what was decoded
  bool has_nul = false, has_eight_bit = false;
  // Where decoding may begin: the decoder's state in front of this encoded octet, and how many came out of what is before.
  mime::TransferDecoder decoder{encoding};
  uint64_t encoded_at = 0, decoded_at = 0;
};

// With what must be decoded of it; nullopt: there is no such part.
std::optional<DecodedPart> decoded_part(const std::vector<uint32_t>& numbers, EmailId email,
                                        const mime::ParsedMessage& record);
// False: the part has an encoding that nobody knows.
Task<Result<bool>> encoding_known(store::Account& account, std::vector<uint32_t> numbers, EmailId email,
                                  std::shared_ptr<const mime::ParsedMessage> record);
// Sets size, lines and has_*.
Task<Result<void>> count_decoded(Session& s, store::Account& account, DecodedPart& part);
// The window of decoded octets as a string or literal8, flushing on the way; count_decoded() has been.
Task<Result<void>> write_decoded(Session& s, store::Account& account, imap::Encoder& encoder, DecodedPart& part,
                                 mime::Range window);

// Unsupported: the part has an encoding that nobody knows, so that FETCH must fail (section 4.3). To be asked before
// anything of the message is written.
Task<Result<void>> check_binary(Session& s, const imap::FetchItem& item, EmailId email,
                                std::shared_ptr<const mime::ParsedMessage> record);
// As write_section() (fetch_body.h).
Task<Result<void>> write_binary(Session& s, imap::FetchWriter& writer, const imap::FetchItem& item, EmailId email,
                                std::shared_ptr<const mime::ParsedMessage> record);

}  // namespace bz::imapd
