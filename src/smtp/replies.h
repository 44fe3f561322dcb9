// Every reply we send, once. Texts are for the person who reads a bounce; they hold nothing internal.
#pragma once
#include "smtp/reply.h"

namespace bz::smtp::replies {

inline constexpr FixedReply kOk{250, "2.0.0", "Ok"};
inline constexpr FixedReply kFlushed{250, "2.0.0", "Ok, forgotten"};
inline constexpr FixedReply kSenderOk{250, "2.1.0", "Sender ok"};
inline constexpr FixedReply kRecipientOk{250, "2.1.5", "Recipient ok"};
inline constexpr FixedReply kChunkOk{250, "2.0.0", "Chunk received"};
inline constexpr FixedReply kBye{221, "2.0.0", "Bye"};
inline constexpr FixedReply kStartTls{220, "2.0.0", "Ready to start TLS"};
inline constexpr FixedReply kAuthenticated{235, "2.7.0", "Authentication successful"};
inline constexpr FixedReply kVerify{252, "2.5.0", "Send mail, the answer comes then"};
inline constexpr FixedReply kHelp{214, "2.0.0", "See RFC 5321"};
inline constexpr FixedReply kSendData{354, "", "End data with <CR><LF>.<CR><LF>"};

inline constexpr FixedReply kShutdown{421, "4.3.2", "Service is going down, try again later"};
inline constexpr FixedReply kEnded{421, "4.7.0", "Session ended by the administrator"};
inline constexpr FixedReply kTimeout{421, "4.4.2", "Timeout, closing"};
inline constexpr FixedReply kTooManyErrors{421, "4.7.0", "Too many errors, closing"};
inline constexpr FixedReply kUnavailable{451, "4.3.0", "Temporary failure, try again later"};
inline constexpr FixedReply kNoSpace{452, "4.3.1", "No space, try again later"};
inline constexpr FixedReply kTooManyRecipients{452, "4.5.3", "Too many recipients"};
inline constexpr FixedReply kAuthUnavailable{454, "4.7.0", "Authentication is not possible now"};

inline constexpr FixedReply kUnknownCommand{500, "5.5.2", "Command not recognized"};
inline constexpr FixedReply kLineTooLong{500, "5.5.2", "Line too long"};
inline constexpr FixedReply kBareNewline{500, "5.5.2", "Lines end in CRLF; CR or LF alone is refused"};
inline constexpr FixedReply kBadByte{500, "5.5.2", "NUL is refused"};
inline constexpr FixedReply kBadArguments{501, "5.5.4", "Syntax error in arguments"};
inline constexpr FixedReply kNoArgumentsAllowed{501, "5.5.4", "No arguments allowed"};
inline constexpr FixedReply kBadSender{501, "5.1.7", "Bad sender address syntax"};
inline constexpr FixedReply kBadRecipient{501, "5.1.3", "Bad recipient address syntax"};
inline constexpr FixedReply kDuplicateParameter{501, "5.5.4", "Parameter given twice"};
inline constexpr FixedReply kBadParameter{501, "5.5.4", "Bad parameter value"};
inline constexpr FixedReply kUnknownParameter{555, "5.5.4", "Unsupported parameter"};
inline constexpr FixedReply kNeedsSmtpUtf8{553, "5.6.7", "Address needs SMTPUTF8"};
inline constexpr FixedReply kHelloFirst{503, "5.5.1", "Say hello first"};
inline constexpr FixedReply kNestedMail{503, "5.5.1", "Sender already given"};
inline constexpr FixedReply kMailFirst{503, "5.5.1", "MAIL first"};
inline constexpr FixedReply kNoValidRecipients{554, "5.5.1", "No valid recipients"};
inline constexpr FixedReply kMixedData{503, "5.5.1", "DATA and BDAT do not mix"};
inline constexpr FixedReply kOutOfOrder{503, "5.5.1", "Bad sequence of commands"};
inline constexpr FixedReply kUseLhlo{500, "5.5.1", "This is LMTP: use LHLO"};
inline constexpr FixedReply kUseEhlo{500, "5.5.1", "This is SMTP: use EHLO"};
inline constexpr FixedReply kNotOffered{502, "5.5.1", "Command not offered"};
inline constexpr FixedReply kNoTlsNow{503, "5.5.1", "STARTTLS is not possible now"};
inline constexpr FixedReply kNoAuthNow{503, "5.5.1", "AUTH is not possible now"};
inline constexpr FixedReply kAuthRequired{530, "5.7.0", "Authentication required"};

inline constexpr FixedReply kUnknownUser{550, "5.1.1", "No such user here"};
inline constexpr FixedReply kUserDisabled{550, "5.2.1", "Mailbox disabled"};
inline constexpr FixedReply kMailboxFull{552, "5.2.2", "Mailbox full"};
inline constexpr FixedReply kMailboxFullNow{452, "4.2.2", "Mailbox full"};
inline constexpr FixedReply kRelayDenied{550, "5.7.1", "Relaying denied"};
inline constexpr FixedReply kSenderDenied{553, "5.7.1", "Sender address is not yours"};
inline constexpr FixedReply kMessageTooLarge{552, "5.3.4", "Message too large"};
inline constexpr FixedReply kContentNewline{550, "5.6.11", "Message holds CR or LF alone, which is refused"};
inline constexpr FixedReply kContentNul{550, "5.6.0", "Message holds NUL, which is refused"};
inline constexpr FixedReply kContentHeader{550, "5.6.0", "Message header is malformed or too large"};
inline constexpr FixedReply kHopLimit{554, "5.4.6", "Too many hops: mail loop"};

}  // namespace bz::smtp::replies
