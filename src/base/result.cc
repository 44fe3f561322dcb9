#include "base/result.h"

#include <cerrno>
#include <system_error>

namespace bz::base {

std::string_view name(Errc code) {
  switch (code) {
    case Errc::Invalid:
      return "Invalid";
    case Errc::NotFound:
      return "NotFound";
    case Errc::Exists:
      return "Exists";
    case Errc::Denied:
      return "Denied";
    case Errc::AuthFailed:
      return "AuthFailed";
    case Errc::OverQuota:
      return "OverQuota";
    case Errc::TooLarge:
      return "TooLarge";
    case Errc::Limit:
      return "Limit";
    case Errc::Conflict:
      return "Conflict";
    case Errc::Unavailable:
      return "Unavailable";
    case Errc::Timeout:
      return "Timeout";
    case Errc::Cancelled:
      return "Cancelled";
    case Errc::Corrupt:
      return "Corrupt";
    case Errc::Unsupported:
      return "Unsupported";
    case Errc::Closed:
      return "Closed";
    case Errc::Internal:
      return "Internal";
  }
  return "?";
}

std::string Error::to_string() const {
  std::string out(name(code_));
  if (!text_.empty()) out.append(": ").append(text_);
  return out;
}

Error from_errno(int number, std::string_view what, std::source_location at) {
  Errc code = Errc::Internal;
  switch (number) {
    case ENOENT:
    case ENOTDIR:
      code = Errc::NotFound;
      break;
    case EEXIST:
    case ENOTEMPTY:
      code = Errc::Exists;
      break;
    case EACCES:
    case EPERM:
    case EROFS:
      code = Errc::Denied;
      break;
    case ENOSPC:
    case EDQUOT:
      code = Errc::OverQuota;
      break;
    case EAGAIN:
    case EINTR:
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
    case ECONNREFUSED:
    case EHOSTUNREACH:
    case ENETUNREACH:
    case EADDRINUSE:
      code = Errc::Unavailable;
      break;
    case ETIMEDOUT:
      code = Errc::Timeout;
      break;
    case ECANCELED:
      code = Errc::Cancelled;
      break;
    case EPIPE:
    case ECONNRESET:
    case ECONNABORTED:
    case EBADF:
    case ENOTCONN:
      code = Errc::Closed;
      break;
    case EINVAL:
      code = Errc::Invalid;
      break;
    case EFBIG:
    case EMSGSIZE:
      code = Errc::TooLarge;
      break;
    default:
      break;
  }
  return Error(code, std::string(what) + ": " + std::generic_category().message(number), at);
}

}  // namespace bz::base
