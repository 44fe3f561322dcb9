#include "mime/bodystructure.h"

#include <algorithm>

#include "base/text.h"
#include "mime/envelope.h"
#include "mime/imap_text.h"

namespace bz::mime {
namespace {

class Writer {
 public:
  Writer(std::string_view raw, const std::vector<Part>& parts, bool extended, ImapText::Charset charset)
      : raw_(raw), parts_(parts), extended_(extended), out_(charset) {}

  // RFC 9051 section 7.5.2 and RFC 9755 section 6 show message/global with its envelope and body to those who read UTF-8;
  // to RFC 3501 it is a leaf like others.
  bool shows_inside(const Part& part) const { return part.kind != Part::Kind::Leaf && (!part.is_global() || out_.utf8()); }

  // Pre-order without recursion: `open` holds the parts whose closing parenthesis is still to come.
  std::string run() {
    std::vector<uint32_t> open;
    for (uint32_t i = 0; i < parts_.size(); ++i) {
      const Part& part = parts_[i];
      begin(part, i);
      if (shows_inside(part)) {
        open.push_back(i);
      } else {
        end(part);
        i = part.end - 1;
      }
      while (!open.empty() && parts_[open.back()].end == i + 1) {
        end(parts_[open.back()]);
        open.pop_back();
      }
    }
    return out_.take();
  }

 private:
  std::optional<std::string> value(const Part& part, std::string_view name) const {
    auto found = part.index.value(name, slice(raw_, part.header));
    return found && found->empty() ? std::nullopt : found;
  }

  void begin(const Part& part, uint32_t index) {
    out_.raw("(");
    if (part.kind == Part::Kind::Multipart) return;
    const ContentType& type = part.content_type;
    if (part.opaque && (!part.is_global() || out_.utf8())) {
      out_.raw("\"application\" ");
      out_.string("octet-stream");
    } else if (type.is("text")) {
      out_.quoted_token("text");
      out_.raw(" ");
      out_.string(type.subtype);
    } else if (part.kind == Part::Kind::Message) {
      out_.raw(part.is_global() ? "\"message\" \"global\"" : "\"message\" \"rfc822\"");
    } else {
      out_.string(type.type);
      out_.raw(" ");
      out_.string(type.subtype);
    }
    out_.raw(" ");
    params(type.params, type.is("text") && !part.opaque);
    out_.raw(" ");
    out_.nstring(value(part, "Content-ID"));
    out_.raw(" ");
    out_.nstring(value(part, "Content-Description"));
    out_.raw(" ");
    out_.string(part.encoding.empty() ? "7bit" : part.encoding);
    out_.raw(" " + std::to_string(part.body.size));
    if (part.kind == Part::Kind::Message && shows_inside(part)) {
      const Part& inner = parts_[index + 1];
      out_.raw(" ");
      write_envelope(out_, slice(raw_, inner.header), inner.index);
      out_.raw(" ");  // the inner part's own text follows
    }
  }

  void end(const Part& part) {
    if (part.kind == Part::Kind::Multipart) {
      out_.raw(" ");
      out_.string(part.content_type.subtype);
      if (extended_) {
        out_.raw(" ");
        params(part.content_type.params, false);
        tail(part);
      }
    } else {
      if ((part.kind == Part::Kind::Message && shows_inside(part)) || (part.content_type.is("text") && !part.opaque)) {
        out_.raw(" " + std::to_string(part.lines));
      }
      if (extended_) {
        out_.raw(" ");
        out_.nstring(value(part, "Content-MD5"));
        tail(part);
      }
    }
    out_.raw(")");
  }

  // Disposition, language and location: the same for all.
  void tail(const Part& part) {
    out_.raw(" ");
    if (part.disposition.token.empty()) {
      out_.raw("NIL");
    } else {
      out_.raw("(");
      out_.string(part.disposition.token);
      out_.raw(" ");
      params(part.disposition.params, false);
      out_.raw(")");
    }
    out_.raw(" ");
    language(part);
    out_.raw(" ");
    out_.nstring(value(part, "Content-Location"));
  }

  // RFC 3282: a list of tags.
  void language(const Part& part) {
    auto text = value(part, "Content-Language");
    std::vector<std::string_view> tags;
    if (text) {
      for (std::string_view tag : base::split(*text, ',')) {
        tag = base::trim(tag);
        if (!tag.empty() && tags.size() < 50) tags.push_back(tag);
      }
    }
    if (tags.empty()) return out_.raw("NIL");
    if (tags.size() == 1) return out_.string(tags[0]);
    for (size_t i = 0; i < tags.size(); ++i) {
      out_.raw(i == 0 ? "(" : " ");
      out_.string(tags[i]);
    }
    out_.raw(")");
  }

  // `text`: RFC 2046 section 4.1.2 says what the charset is when nothing does.
  void params(const Params& params, bool text) {
    bool charset = std::any_of(params.begin(), params.end(), [](const auto& p) {
      return base::iequals(p.first, "charset") || base::istarts_with(p.first, "charset*");
    });
    bool add = text && !charset;
    if (params.empty() && !add) return out_.raw("NIL");
    out_.raw("(");
    bool first = true;
    auto put = [&](std::string_view name, std::string_view value) {
      if (!std::exchange(first, false)) out_.raw(" ");
      out_.string(name);
      out_.raw(" ");
      out_.string(value);
    };
    if (add) put("charset", "us-ascii");
    for (const auto& [name, value] : params) put(name, value);
    out_.raw(")");
  }

  std::string_view raw_;
  const std::vector<Part>& parts_;
  bool extended_;
  ImapText out_;
};

}  // namespace

std::string bodystructure(std::string_view raw, const std::vector<Part>& parts, bool extended, ImapText::Charset charset) {
  return Writer(raw, parts, extended, charset).run();
}

}  // namespace bz::mime
