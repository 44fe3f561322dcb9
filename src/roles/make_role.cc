#include "roles/admin.h"
#include "roles/auth.h"
#include "roles/egress.h"
#include "roles/gateway.h"
#include "roles/inner_connector.h"
#include "roles/inner_door.h"
#include "roles/mailstore.h"
#include "roles/mta.h"

namespace bz::roles {

std::unique_ptr<Role> make_role(std::string_view name) {
  if (name == "admin") return std::make_unique<AdminRole>();
  if (name == "auth") return std::make_unique<AuthRole>();
  if (name == "egress") return std::make_unique<EgressRole>();
  if (name == "gateway") return std::make_unique<GatewayRole>();
  if (name == "connector") return std::make_unique<ConnectorRole>();
  if (name == "inner") return std::make_unique<InnerRole>();
  if (name == "mailstore") return std::make_unique<MailstoreRole>();
  if (name == "mta") return std::make_unique<MtaRole>();
  return nullptr;
}

}  // namespace bz::roles
