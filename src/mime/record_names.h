// What the two readers of the stored form of a ParsedMessage share: its versions and the names of header fields that are
// one octet there.
#pragma once
#include <cstdint>
#include <string_view>

namespace bz::mime {

inline constexpr uint8_t kWithUtf8 = 3, kWithPreview = 2, kWithoutPreview = 1;
// Index + 1 is what is stored: append only.
inline constexpr std::string_view kRecordNames[] = {"received",
                                                    "from",
                                                    "to",
                                                    "cc",
                                                    "bcc",
                                                    "subject",
                                                    "date",
                                                    "message-id",
                                                    "in-reply-to",
                                                    "references",
                                                    "reply-to",
                                                    "sender",
                                                    "return-path",
                                                    "delivered-to",
                                                    "mime-version",
                                                    "content-type",
                                                    "content-transfer-encoding",
                                                    "content-disposition",
                                                    "content-language",
                                                    "content-id",
                                                    "content-description",
                                                    "dkim-signature",
                                                    "arc-seal",
                                                    "arc-message-signature",
                                                    "arc-authentication-results",
                                                    "authentication-results",
                                                    "received-spf",
                                                    "list-id",
                                                    "list-unsubscribe",
                                                    "list-unsubscribe-post",
                                                    "list-post",
                                                    "list-help",
                                                    "list-archive",
                                                    "list-subscribe",
                                                    "list-owner",
                                                    "precedence",
                                                    "auto-submitted",
                                                    "x-mailer",
                                                    "user-agent",
                                                    "importance",
                                                    "x-priority",
                                                    "priority",
                                                    "x-spam-status",
                                                    "x-spam-score",
                                                    "x-spam-flag",
                                                    "x-originating-ip",
                                                    "thread-topic",
                                                    "thread-index",
                                                    "x-uniform-type-identifier",
                                                    "x-universally-unique-identifier",
                                                    "errors-to",
                                                    "organization",
                                                    "feedback-id",
                                                    "x-original-to"};

}  // namespace bz::mime
