// The texts in Spanish. tools/check_translations.py holds them against what is said.
#include "imap/language.h"

namespace bz::imap::detail {
namespace {

struct Text {
  std::string_view english, spanish;
};
constexpr Text kTexts[] = {
    // "%": what is put in
    // before and around the login
    {"buzon ready", "buzon listo"},
    {"Logged in", "Sesión iniciada"},
    {"Log in first", "Primero hay que iniciar sesión"},
    {"Already logged in", "La sesión ya está iniciada"},
    {"Login took too long", "El inicio de sesión ha tardado demasiado"},
    {"Name or password is wrong", "El nombre o la contraseña no son correctos"},
    {"Login is not possible now, try again later", "Ahora no se puede iniciar sesión; inténtelo más tarde"},
    {"LOGIN is disabled", "LOGIN está desactivado"},
    {"Mechanism is not offered", "Ese mecanismo no se ofrece"},
    {"The password or certificate of this device has expired",
     "La contraseña o el certificado de este dispositivo ha caducado"},
    {"This device may not use %", "Este dispositivo no puede usar %"},
    {"Too many failed logins", "Demasiados intentos fallidos"},
    {"The mail store is not available, try again later", "El almacén de correo no está disponible; inténtelo más tarde"},
    {"Begin TLS", "Comience TLS"},
    {"STARTTLS is not possible now", "STARTTLS no es posible ahora"},
    {"Cancelled", "Cancelado"},
    {"Goodbye", "Adiós"},
    {"Done", "Hecho"},
    {"Logging out", "Cerrando la sesión"},
    {"Too many errors", "Demasiados errores"},
    {"Too much", "Demasiados datos"},
    {"Language changed", "Idioma cambiado"},
    {"None of these languages is spoken here", "Aquí no se habla ninguno de esos idiomas"},
    // ends of sessions
    {"Session ended by the server", "El servidor ha terminado la sesión"},
    {"Inactive for too long", "Demasiado tiempo sin actividad"},
    {"Too many ill-formed commands", "Demasiadas órdenes incorrectas"},
    {"The selected mailbox was deleted", "El buzón seleccionado se ha eliminado"},
    {"The store has failed, please connect again", "El almacén ha fallado; conéctese de nuevo"},
    {"The compressed data are damaged", "Los datos comprimidos están dañados"},
    {"A message could not be read to its end", "Un mensaje no se ha podido leer hasta el final"},
    {"The server is going down, please connect again", "El servidor se va a detener; conéctese de nuevo"},
    {"Too much data after a refused command", "Demasiados datos tras una orden rechazada"},
    {"account disabled", "La cuenta está desactivada"},
    {"account removed", "La cuenta se ha eliminado"},
    {"account purged", "La cuenta se ha eliminado con su correo"},
    {"The account is removed", "La cuenta se ha eliminado"},
    {"password changed", "La contraseña ha cambiado"},
    {"the mailbox has moved", "El buzón se ha trasladado"},
    {"the device is revoked", "Se ha retirado el acceso a este dispositivo"},
    {"only devices may log in", "Solo los dispositivos pueden iniciar sesión"},
    {"Still here", "Sigo aquí"},
    // mailboxes
    {"No such mailbox", "No existe ese buzón"},
    {"Only mail is pushed from here", "Desde aquí solo se avisa del correo"},
    {"The mailbox is gone", "El buzón ya no existe"},
    {"Mailbox exists already", "Ese buzón ya existe"},
    {"The mailbox is read-only", "El buzón es de solo lectura"},
    {"The mailbox holds other mailboxes only", "El buzón solo contiene otros buzones"},
    {"The name has mailboxes below it", "Ese nombre tiene buzones por debajo"},
    {"No mailbox is selected", "No hay ningún buzón seleccionado"},
    {"Previous mailbox closed", "El buzón anterior se ha cerrado"},
    {"Special use not possible", "Ese uso especial no es posible"},
    {"One special use per mailbox", "Un solo uso especial por buzón"},
    {"Mailbox name is not modified UTF-7", "El nombre del buzón no es UTF-7 modificado"},
    {"Mailbox name is not UTF-8 or holds control characters",
     "El nombre del buzón no es UTF-8 o contiene caracteres de control"},
    {"Pattern too long", "El patrón es demasiado largo"},
    {"Flags permitted", "Marcas permitidas"},
    {"First unseen", "Primero sin leer"},
    {"UIDs valid", "UID válidos"},
    {"Predicted next UID", "Próximo UID previsto"},
    {"Highest", "El más alto"},
    {"Mailbox", "Buzón"},
    {"URLs may be authorized", "Se pueden autorizar URL"},
    {"The mailbox has a new key", "El buzón tiene una clave nueva"},
    {"CONDSTORE is on", "CONDSTORE está activado"},
    // messages
    {"No such message", "No existe ese mensaje"},
    {"No such messages", "No existen esos mensajes"},
    {"No such message number", "No existe ningún mensaje con ese número"},
    {"The message is gone", "El mensaje ya no existe"},
    {"The messages are gone already", "Los mensajes ya no existen"},
    {"Some messages are expunged", "Algunos mensajes se han borrado"},
    {"Some messages were changed meanwhile", "Algunos mensajes han cambiado entretanto"},
    {"Some messages could not be read; the administrator finds them in the log",
     "Algunos mensajes no se han podido leer; el administrador los encontrará en el registro"},
    {"A part has an unknown transfer encoding", "Una parte tiene una codificación de transferencia desconocida"},
    {"NUL stands where it cannot be encoded", "Hay un NUL donde no se puede codificar"},
    {"Message too large", "El mensaje es demasiado grande"},
    {"Literal too large", "El literal es demasiado grande"},
    {"Too much in one command", "Demasiado en una sola orden"},
    {"Too many messages in one command", "Demasiados mensajes en una sola orden"},
    {"Too many messages", "Demasiados mensajes"},
    {"Too many messages to put in order", "Demasiados mensajes para ordenarlos"},
    {"Too many messages to copy, try a smaller subset", "Demasiados mensajes para copiarlos; inténtelo con menos"},
    {"Completed for the last % messages", "Terminado para los últimos % mensajes"},
    {"Only the last messages were taken", "Solo se han tenido en cuenta los últimos mensajes"},
    {"Cancelled by an empty message", "Cancelado por un mensaje vacío"},
    {"Header fields with 8-bit need ENABLE UTF8=ACCEPT", "Las cabeceras con 8 bits requieren ENABLE UTF8=ACCEPT"},
    {"Nothing to copy", "No hay nada que copiar"},
    {"Nothing to move", "No hay nada que mover"},
    {"Moved", "Movidos"},
    {"The new message is there", "El mensaje nuevo está en su sitio"},
    {"Nothing to be had by this URL", "Con ese URL no se obtiene nada"},
    {"Only INTERNAL is known", "Solo se conoce INTERNAL"},
    {"All keys are removed", "Todas las claves se han eliminado"},
    {"SEARCH completed, result saved", "SEARCH terminado; el resultado se ha guardado"},
    {"Charset not known", "Juego de caracteres desconocido"},
    {"DEFLATE is active already", "DEFLATE ya está activo"},
    {"FETCH exceeds the limit", "FETCH supera el límite"},
    {"Minimum batch size is 500", "Un lote tiene al menos 500 mensajes"},
    {"Too many messages in the mailbox: ask for a range of batches",
     "Hay demasiados mensajes en el buzón: pida un intervalo de lotes"},
    {"Asked already, and the mailbox has changed little since",
     "Ya se ha preguntado, y el buzón ha cambiado poco desde entonces"},
    {"Of some of these events nothing can be told", "De algunos de esos sucesos no se puede informar"},
    {"Still at it", "Sigue en ello"},
    {"Too much to be told", "Demasiado que contar"},
    {"Too much to be kept up to date", "Demasiado para mantenerlo al día"},
    {"The tag is one of a search that is being updated", "La etiqueta es de una búsqueda que se mantiene al día"},
    {"No search with that tag is being updated", "Ninguna búsqueda con esa etiqueta se mantiene al día"},
    {"Too many mailboxes to search", "Demasiados buzones para buscar en ellos"},
    {"Too many messages to search", "Demasiados mensajes para buscar en ellos"},
    {"SAVE is of the selected mailbox alone", "SAVE es solo del buzón seleccionado"},
    {"\"$\" is of the selected mailbox alone", "\"$\" es solo del buzón seleccionado"},
    {"Too many mailboxes to watch", "Demasiados buzones para vigilarlos"},
    {"No such quota root", "No existe esa raíz de cuota"},
    {"Only the administrator sets quotas", "Solo el administrador fija las cuotas"},
    {"Only the administrator sets this", "Solo el administrador lo fija"},
    {"The value is too large", "El valor es demasiado grande"},
    {"Too many annotations", "Demasiadas anotaciones"},
    {"No such user", "No existe ese usuario"},
    {"There are no other users here", "Aquí no hay otros usuarios"},
    {"The owner has all rights", "El propietario tiene todos los derechos"},
    {"The owner keeps all rights", "El propietario conserva todos los derechos"},
    {"The rights are changed", "Los derechos se han cambiado"},
    {"The entry is gone", "La entrada se ha eliminado"},
    {"The name stands for other users' mailboxes", "Ese nombre representa los buzones de otros usuarios"},
    {"A mailbox stays with its owner", "Un buzón se queda con su propietario"},
    {"REPLACE cannot go to another user's mailbox, use APPEND", "REPLACE no puede ir al buzón de otro usuario; use APPEND"},
    {"The selected mailbox is not shared any more", "El buzón seleccionado ya no se comparte"},
    // what the store says
    {"That cannot be done", "Eso no se puede hacer"},
    {"Not permitted", "No está permitido"},
    {"Over quota", "Se ha superado la cuota"},
    {"Too large", "Demasiado grande"},
    {"A limit is reached", "Se ha alcanzado un límite"},
    {"In use, try again", "En uso; inténtelo de nuevo"},
    {"Stored data is damaged; the administrator finds it in the log",
     "Hay datos almacenados dañados; el administrador los encontrará en el registro"},
    {"Temporarily unavailable, try again", "No disponible por el momento; inténtelo de nuevo"},
    {"Internal error", "Error interno"},
    // syntax
    {"Unknown command", "Orden desconocida"},
    {"Syntax error", "Error de sintaxis"},
};

// What stands in `said` for the "%" of `text`; nullopt: it is another text.
std::optional<std::string_view> put_in(std::string_view text, std::string_view said) {
  const size_t at = text.find('%');
  if (at == text.npos || said.size() < text.size()) return std::nullopt;
  const std::string_view before = text.substr(0, at), behind = text.substr(at + 1);
  if (!said.starts_with(before) || !said.ends_with(behind)) return std::nullopt;
  return said.substr(at, said.size() - before.size() - behind.size());
}

}  // namespace

std::optional<std::string> spanish(std::string_view english) {
  for (const Text& text : kTexts) {
    if (text.english == english) return std::string(text.spanish);
    if (const auto value = put_in(text.english, english))
      return std::string(text.spanish).replace(text.spanish.find('%'), 1, *value);
  }
  return std::nullopt;
}

}  // namespace bz::imap::detail
