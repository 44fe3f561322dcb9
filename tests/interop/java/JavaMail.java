// JavaMail (Debian's libmail-java): host port submission-port submissions-port ca user folder, the password on stdin. The folder holds the messages.
// Where IMAP says something else of a message than JavaMail's own parser makes of its octets, stdout has a line "differs: file, what, ours, theirs" (tabs).
// White space does not count, nor do addresses that its parser refuses.
import com.sun.mail.imap.*;
import com.sun.mail.smtp.*;
import java.io.*;
import java.nio.file.*;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import java.util.*;
import java.util.concurrent.*;
import javax.mail.*;
import javax.mail.event.*;
import javax.mail.internet.*;
import javax.mail.search.*;
import javax.net.ssl.*;

public class JavaMail {
    static final Map<String, Object> common = new HashMap<>();
    static String host, user, password;
    static int port;

    static void ok(String what, boolean good) {
        if (!good) throw new IllegalStateException(what);
    }

    /** A message that is written as its octets are, whatever JavaMail would have made of its headers. */
    static class Raw extends MimeMessage {
        final byte[] octets;
        Raw(Session session, byte[] octets) throws MessagingException {
            super(session, new ByteArrayInputStream(octets));
            this.octets = octets;
        }
        @Override public void writeTo(OutputStream out) throws IOException { out.write(octets); }
    }

    static Session session(Object... more) {
        Properties properties = new Properties();
        properties.putAll(common);
        for (int i = 0; i < more.length; i += 2) properties.put(more[i], more[i + 1]);
        return Session.getInstance(properties);
    }

    static IMAPStore login(Object... more) throws Exception {
        IMAPStore store = (IMAPStore) session(more).getStore("imaps");
        store.connect(host, port, user, password);
        return store;
    }

    static IMAPFolder open(IMAPStore store, String name) throws Exception {
        IMAPFolder folder = (IMAPFolder) store.getFolder(name);
        folder.open(Folder.READ_WRITE);
        return folder;
    }

    static SSLSocketFactory trust(String file) throws Exception {
        KeyStore keys = KeyStore.getInstance("PKCS12");
        keys.load(null, null);
        try (InputStream in = new FileInputStream(file)) {
            keys.setCertificateEntry("ca", CertificateFactory.getInstance("X.509").generateCertificate(in));
        }
        TrustManagerFactory trust = TrustManagerFactory.getInstance("PKIX");
        trust.init(keys);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(null, trust.getTrustManagers(), null);
        return context.getSocketFactory();
    }

    // --- mailboxes ---
    static void mailboxes(IMAPStore store) throws Exception {
        Map<String, String> id = store.id(Map.of("name", "JavaMail", "version", "1.6.5"));
        ok("ID", id != null && id.containsKey("name"));
        ok("personal namespace", store.getPersonalNamespaces().length == 1);
        Set<String> uses = new TreeSet<>();
        for (Folder folder : store.getDefaultFolder().list("*")) uses.addAll(List.of(((IMAPFolder) folder).getAttributes()));
        ok("special uses " + uses, uses.containsAll(List.of("\\Sent", "\\Drafts", "\\Trash", "\\Junk", "\\Archive")));
        for (String name : List.of("Java", "Java2", "Java/Grüße & Küsse")) ok("create " + name, store.getFolder(name).create(Folder.HOLDS_MESSAGES));
        Folder[] below = store.getFolder("Java").list();
        ok("list below", below.length == 1 && below[0].getName().equals("Grüße & Küsse"));
        ok("rename", below[0].renameTo(store.getFolder("Java/Later")) && store.getFolder("Java/Later").exists());
        store.getFolder("Java/Later").setSubscribed(true);
        ok("subscribed", Arrays.stream(store.getDefaultFolder().listSubscribed("*")).anyMatch(f -> f.getFullName().equals("Java/Later")));
        ok("delete", store.getFolder("Java/Later").delete(false) && !store.getFolder("Java/Later").exists());
    }

    // --- messages ---
    static List<Raw> append(IMAPStore store, List<Path> files) throws Exception {
        List<Raw> messages = new ArrayList<>();
        for (Path file : files) {
            Raw message = new Raw(session(), Files.readAllBytes(file));
            message.setFlag(Flags.Flag.SEEN, messages.size() % 2 == 0);
            messages.add(message);
        }
        AppendUID[] uids = ((IMAPFolder) store.getFolder("Java")).appendUIDMessages(messages.toArray(new Message[0]));
        for (int i = 1; i < uids.length; i++) ok("APPENDUID rises", uids[i].uid > uids[i - 1].uid && uids[i].uidvalidity == uids[0].uidvalidity);
        return messages;
    }

    interface Get { Object get() throws Exception; }

    static String told(Get get) {
        try {
            return String.valueOf(get.get());
        } catch (Exception error) {
            return error.getClass().getSimpleName();
        }
    }

    /** The tree of parts with types, and of each leaf its name and the sum of its decoded octets. */
    static String tree(Part part) throws Exception {
        String type = new ContentType(part.getContentType()).getBaseType().toLowerCase(Locale.ROOT);
        if (part.isMimeType("multipart/*")) {
            Multipart parts = (Multipart) part.getContent();
            StringJoiner inner = new StringJoiner(" ", type + "(", ")");
            for (int i = 0; i < parts.getCount(); i++) inner.add(tree(parts.getBodyPart(i)));
            return inner.toString();
        }
        if (part.isMimeType("message/rfc822")) return type + "(" + tree((Part) part.getContent()) + ")";
        return type + ":" + told(part::getFileName) + ":" + told(() -> Arrays.hashCode(part.getInputStream().readAllBytes()));
    }

    static void read(IMAPStore store, List<Path> files, List<Raw> messages) throws Exception {
        IMAPFolder folder = open(store, "Java");
        FetchProfile profile = new FetchProfile();
        for (FetchProfile.Item item : List.of(FetchProfile.Item.ENVELOPE, FetchProfile.Item.CONTENT_INFO, FetchProfile.Item.FLAGS, FetchProfile.Item.SIZE,
                                              UIDFolder.FetchProfileItem.UID)) profile.add(item);
        Message[] there = folder.getMessages();
        ok("count " + there.length, there.length == messages.size());
        folder.fetch(there, profile);
        for (int i = 0; i < there.length; i++) {
            IMAPMessage far = (IMAPMessage) there[i];
            Raw near = messages.get(i);
            ok("seen as appended", far.isSet(Flags.Flag.SEEN) == (i % 2 == 0));
            ok("size", far.getSize() == near.octets.length);
            ByteArrayOutputStream out = new ByteArrayOutputStream();
            far.writeTo(out);
            ok("octets of " + files.get(i), Arrays.equals(out.toByteArray(), near.octets));
            Map<String, Get[]> pairs = new LinkedHashMap<>();
            pairs.put("Message-ID", new Get[] {far::getMessageID, near::getMessageID});
            pairs.put("Subject", new Get[] {far::getSubject, near::getSubject});
            pairs.put("From", new Get[] {() -> Arrays.toString(far.getFrom()), () -> Arrays.toString(near.getFrom())});
            pairs.put("To", new Get[] {() -> Arrays.toString(far.getRecipients(Message.RecipientType.TO)), () -> Arrays.toString(near.getRecipients(Message.RecipientType.TO))});
            pairs.put("Date", new Get[] {far::getSentDate, near::getSentDate});
            pairs.put("parts", new Get[] {() -> tree(far), () -> tree(near)});
            for (Map.Entry<String, Get[]> pair : pairs.entrySet()) {
                String ours = told(pair.getValue()[0]), theirs = told(pair.getValue()[1]);
                if (ours.replaceAll("\\s", "").equals(theirs.replaceAll("\\s", "")) || theirs.equals("AddressException")) continue;
                System.out.println("differs: " + files.get(i).getFileName() + "\t" + pair.getKey() + "\t" + ours + "\t" + theirs);
            }
        }
        folder.close(false);
        System.out.println(there.length + " messages octet for octet, " + folder.getPermanentFlags().getSystemFlags().length + " flags");
    }

    static void change(IMAPStore store, int count) throws Exception {
        IMAPFolder folder = open(store, "Java");
        Flags flags = new Flags(Flags.Flag.FLAGGED);
        flags.add("$Java");
        long modseq = folder.getHighestModSeq(), validity = folder.getUIDValidity(), moving = folder.getUID(folder.getMessage(7));
        folder.setFlags(new int[] {1, 3, 5}, flags, true);
        ok("search by keyword", folder.search(new FlagTerm(new Flags("$Java"), true)).length == 3);
        ok("search by two", folder.search(new AndTerm(new FlagTerm(new Flags(Flags.Flag.FLAGGED), true), new NotTerm(new MessageNumberTerm(3)))).length == 2);
        String subject = folder.getMessage(1).getSubject();
        if (subject != null) ok("search by subject", List.of(folder.search(new SubjectTerm(subject))).contains(folder.getMessage(1)));
        Message[] bySize = folder.getSortedMessages(new SortTerm[] {SortTerm.REVERSE, SortTerm.SIZE});
        ok("sorted all", bySize.length == count);
        for (int i = 1; i < count; i++) ok("sorted by size", bySize[i - 1].getSize() >= bySize[i].getSize());
        IMAPFolder second = (IMAPFolder) store.getFolder("Java2");
        AppendUID[] copied = folder.copyUIDMessages(folder.getMessages(1, 4), second);
        ok("COPYUID of each", copied.length == 4 && Arrays.stream(copied).allMatch(Objects::nonNull));
        AppendUID[] moved = folder.moveUIDMessages(new Message[] {folder.getMessage(7)}, second);
        ok("COPYUID of a move", moved.length == 1 && moved[0] != null);
        ok("moved away", folder.getMessage(7).isExpunged());   // it counts until the program expunges
        folder.close(false);
        second.open(Folder.READ_ONLY);
        ok("they are there", second.getMessageCount() == 5 && second.getMessageByUID(moved[0].uid) != null);
        second.close(false);
        resync(store, new ResyncData(validity, modseq), moving, count - 1);
    }

    /** A second session deletes and flags; then this one comes back by QRESYNC and is told that and what it did itself since `then`, no more. */
    static void resync(IMAPStore store, ResyncData then, long moved, int count) throws Exception {
        try (IMAPStore other = login("mail.imaps.compress.enable", "true")) {
            IMAPFolder folder = open(other, "Java");
            ok("COMPRESS", other.hasCapability("COMPRESS=DEFLATE"));
            folder.setFlags(new int[] {2}, new Flags(Flags.Flag.ANSWERED), true);
            folder.setFlags(new int[] {4}, new Flags(Flags.Flag.DELETED), true);
            long gone = folder.getUID(folder.getMessage(4));
            ok("expunge", folder.expunge().length == 1);
            folder.close(false);
            IMAPFolder back = (IMAPFolder) store.getFolder("Java");
            List<MailEvent> events = back.open(Folder.READ_WRITE, then);
            List<Long> vanished = new ArrayList<>();
            int changed = 0;
            for (MailEvent event : events) {
                if (event instanceof MessageVanishedEvent) for (long one : ((MessageVanishedEvent) event).getUIDs()) vanished.add(one);
                if (event instanceof MessageChangedEvent) changed++;
            }
            ok("vanished " + vanished, vanished.equals(List.of(gone, moved)));
            ok("changed " + changed, changed == 4 && back.getMessage(2).isSet(Flags.Flag.ANSWERED));
            ok("count after all", back.getMessageCount() == count - 1);
            back.close(false);
        }
    }

    // --- what comes while it idles, and what it sends ---
    static void idle(IMAPStore store, int submission, int submissions) throws Exception {
        IMAPFolder inbox = open(store, "INBOX");
        BlockingQueue<String> heard = new LinkedBlockingQueue<>();
        inbox.addMessageCountListener(new MessageCountAdapter() {
            @Override public void messagesAdded(MessageCountEvent event) {
                for (Message message : event.getMessages()) heard.add("new " + message.getMessageNumber());
            }
            @Override public void messagesRemoved(MessageCountEvent event) { heard.add("gone"); }
        });
        inbox.addMessageChangedListener(event -> heard.add("changed"));
        Thread idler = new Thread(() -> {
            try {
                while (inbox.isOpen()) inbox.idle();
            } catch (Exception error) {
                heard.add("ended");   // close() below ends it so
            }
        });
        idler.start();
        send(submission, false, "Über STARTTLS");
        ok("idle hears the first", "new 1".equals(heard.poll(20, TimeUnit.SECONDS)));
        send(submissions, true, "Über TLS von Anfang an");
        ok("idle hears the second", "new 2".equals(heard.poll(20, TimeUnit.SECONDS)));
        try (IMAPStore other = login()) {
            IMAPFolder folder = open(other, "INBOX");
            folder.setFlags(new int[] {1}, new Flags(Flags.Flag.FLAGGED), true);
            ok("idle hears a flag", "changed".equals(heard.poll(20, TimeUnit.SECONDS)));
            folder.setFlags(new int[] {1}, new Flags(Flags.Flag.DELETED), true);
            ok("idle hears a second flag", "changed".equals(heard.poll(20, TimeUnit.SECONDS)));
            folder.close(true);
            ok("idle hears an EXPUNGE", "gone".equals(heard.poll(20, TimeUnit.SECONDS)));
        }
        ok("the one that is left", inbox.getMessage(1).isExpunged() && inbox.getMessage(2).getSubject().equals("Über TLS von Anfang an"));
        inbox.close(false);
        idler.join(20_000);
        ok("idle ends", !idler.isAlive());
    }

    static void send(int port, boolean implicit, String subject) throws Exception {
        String protocol = implicit ? "smtps" : "smtp";
        Session session = session("mail.smtp.localhost", "phone.test", "mail.smtps.localhost", "phone.test");
        SMTPMessage message = new SMTPMessage(session);
        message.setFrom(new InternetAddress(user, "Ana Müller", "UTF-8"));
        message.setRecipients(Message.RecipientType.TO, user);
        message.setSubject(subject, "UTF-8");
        message.setText("Grüße\n.\n..zwei Punkte\n", "UTF-8");
        message.setAllow8bitMIME(true);
        message.setNotifyOptions(SMTPMessage.NOTIFY_FAILURE);
        message.saveChanges();
        try (Transport transport = session.getTransport(protocol)) {
            transport.connect(host, port, user, password);
            transport.sendMessage(message, message.getAllRecipients());
        }
    }

    public static void main(String[] words) throws Exception {
        host = words[0];
        port = Integer.parseInt(words[1]);
        user = words[5];
        password = new BufferedReader(new InputStreamReader(System.in)).readLine();
        SSLSocketFactory factory = trust(words[4]);
        for (String protocol : List.of("imaps", "smtp", "smtps")) {
            common.put("mail." + protocol + ".ssl.socketFactory", factory);
            common.put("mail." + protocol + ".ssl.checkserveridentity", "true");
            common.put("mail." + protocol + ".timeout", "60000");
            common.put("mail." + protocol + ".auth", "true");
        }
        common.put("mail.smtp.starttls.required", "true");
        common.put("mail.imaps.peek", "true");
        List<Path> files;
        try (var all = Files.list(Path.of(words[6]))) {
            files = all.sorted().toList();
        }
        try (IMAPStore store = login()) {
            mailboxes(store);
            List<Raw> messages = append(store, files);
            read(store, files, messages);
            change(store, files.size());
            idle(store, Integer.parseInt(words[2]), Integer.parseInt(words[3]));
        }
        login("mail.imaps.auth.plain.disable", "true").close();   // AUTHENTICATE LOGIN
        System.out.println("PASS");
    }
}
