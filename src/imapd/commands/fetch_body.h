// The value of a BODY[...] item: finds its octets and streams them, so that a window of a large message reads only that
// window and no message is ever held whole.
#pragma once
#include <memory>

#include "imap/fetch.h"
#include "imap/response.h"
#include "imapd/session.h"
#include "mime/record.h"

namespace bz::imapd {

// Appends item name and value to s.out() through `writer`, flushing on the way when the value is large. After an error what
// was appended is incomplete: the caller takes it back, or ends the session if some of it was flushed.
Task<Result<void>> write_section(Session& s, imap::FetchWriter& writer, const imap::FetchItem& item, EmailId email,
                                 std::shared_ptr<const mime::ParsedMessage> record);

// Where the section lies; of HEADER.FIELDS: the whole header.
mime::SectionPath path_of(const imap::BodySection& section);
// The same for a range of the message that is known; the item's window is cut from it.
Task<Result<void>> write_octets(Session& s, imap::FetchWriter& writer, const imap::FetchItem& item, EmailId email,
                                mime::Range whole);

}  // namespace bz::imapd
