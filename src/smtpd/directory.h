// smtpd asks the directory of queue/directory.h; the role implements it over its channel to `auth`.
#pragma once
#include "queue/directory.h"

namespace bz::smtpd {
using queue::Directory;
using queue::LocalTarget;
using queue::RecipientVerdict;
}  // namespace bz::smtpd
