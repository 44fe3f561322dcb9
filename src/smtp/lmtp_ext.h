// What mta and mailstore say to one another beyond LMTP (RFC 2033), on their private leg only. The LHLO keyword tells that
// the server knows it; without the keyword the client sends none of it. The names stand here once, for both sides.
//
//   LHLO keyword   XBUZON
//
//   MAIL FROM:<..> XBZQID=<queue id>     1..32 of [0-9A-Za-z]. Queue id + recipient is the key of exactly-once delivery:
//                                        a server that has stored this pair answers 250 and stores nothing.
//   MAIL FROM:<..> XBZSID=<session id>   1..32 of [0-9A-Za-z]. The session that brought the message, for the server's log:
//                                        one connection serves messages of many sessions.
//   RCPT TO:<..>   XBZACCT=<account id>  decimal, 1..2^64-1: the account that the recipient was resolved to at RCPT time.
//                                        The server delivers there and asks no directory.
//   RCPT TO:<..>   XBZSENT=1             the recipient's own Sent copy: to the \Sent mailbox, \Seen, no filter, no
//                                        Return-Path header (contracts.md section 5). Needs XBZACCT.
//
// The server adds Return-Path (RFC 5321 4.4) to what it delivers, as any LMTP server does; mta has removed older ones.
// It adds nothing else and answers once per accepted recipient.
//
// smtp::parse_command knows these parameters when CommandRules::buzon is set (ServerMode::Lmtp does); everywhere else they
// are refused as unknown (555 5.5.4).
#pragma once
#include <string_view>

namespace bz::smtp {
inline constexpr std::string_view kLmtpExtension = "XBUZON";
inline constexpr std::string_view kParamQueueId = "XBZQID";
inline constexpr std::string_view kParamSession = "XBZSID";
inline constexpr std::string_view kParamAccount = "XBZACCT";
inline constexpr std::string_view kParamSentCopy = "XBZSENT";
inline constexpr size_t kMaxQueueId = 32;  // a session id likewise
}  // namespace bz::smtp
