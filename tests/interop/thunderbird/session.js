// What tests/interop/thunderbird.py calls inside of Thunderbird: functions over its own services and databases. Runs once in the main window's sandbox.
var { MailServices } = ChromeUtils.importESModule("resource:///modules/MailServices.sys.mjs");

var Session = {
  get server() { return MailServices.accounts.allServers.find(s => s.type == "imap"); },
  get outgoing() { return MailServices.outgoingServer.defaultServer; },
  get window() { return Services.wm.getMostRecentWindow("mail:3pane"); },

  // Trusts the authority, and knows the password as if it had been typed and kept.
  async logins(authority, user, password) {
    Cc["@mozilla.org/security/x509certdb;1"].getService(Ci.nsIX509CertDB).addCertFromBase64(authority, "C,,");
    for (const kind of ["imap", "smtp"]) {
      const login = Cc["@mozilla.org/login-manager/loginInfo;1"].createInstance(Ci.nsILoginInfo);
      const origin = `${kind}://${this.server.hostname}`;
      login.init(origin, null, origin, user, password, "", "");
      await Services.logins.addLoginAsync(login);
    }
  },

  box(path) {
    const found = MailServices.folderLookup.getFolderForURL(`${this.server.serverURI}/${path}`);
    if (!found) throw new Error(`no mailbox ${path}`);
    return found;
  },

  // A promise for the end of what start(listener) begins, an error when it failed.
  done(start) {
    return new Promise((resolve, reject) => {
      const end = status => (Components.isSuccessCode(status) ? resolve() : reject(new Error(`status ${status.toString(16)}`)));
      start({
        OnStartRunningUrl() {},
        OnStopRunningUrl(url, status) { end(status); },
        onStartCopy() {},
        onProgress() {},
        setMessageKey() {},
        getMessageId() {},
        onStopCopy(status) { end(status); },
      });
    });
  },

  folders() { return this.server.rootFolder.descendants.map(f => f.URI.slice(this.server.serverURI.length + 1)); },
  update(path) { return this.done(l => this.box(path).QueryInterface(Ci.nsIMsgImapMailFolder).updateFolderWithListener(this.window.msgWindow, l)); },
  // The database has `count` messages; all of them have their octets here. Neither asks the server for anything.
  listed(path, count) { return this.until(200, () => this.box(path).getTotalMessages(false) == count && [...this.box(path).messages].length == count); },
  kept(path) { return this.until(500, () => [...this.box(path).messages].every(h => h.flags & Ci.nsMsgMessageFlags.Offline)); },
  async until(milliseconds, condition) {
    while (!condition()) await new Promise(resolve => this.window.setTimeout(resolve, milliseconds));
  },

  // The database: [UID, Message-ID, octets, read, flagged, keywords, decoded subject] of each message.
  database(path) {
    return [...this.box(path).messages].map(h => [h.messageKey, h.messageId, h.messageSize, h.isRead, h.isFlagged, h.getStringProperty("keywords"),
                                                  h.mime2DecodedSubject]);
  },

  headers(path, uids) { return uids.map(uid => this.box(path).msgDatabase.getMsgHdrForKey(uid)); },

  // The octets of a message as Thunderbird has them, in base64.
  async octets(path, uid) {
    const uri = this.box(path).getUriForMsg(this.headers(path, [uid])[0]);
    const parts = [];
    await new Promise((resolve, reject) => {
      MailServices.messageServiceFromURI(uri).streamMessage(uri, {
        QueryInterface: ChromeUtils.generateQI(["nsIStreamListener"]),
        onStartRequest() {},
        onDataAvailable(request, stream, offset, count) {
          const input = Cc["@mozilla.org/binaryinputstream;1"].createInstance(Ci.nsIBinaryInputStream);
          input.setInputStream(stream);
          parts.push(input.readBytes(count));
        },
        onStopRequest(request, status) { Components.isSuccessCode(status) ? resolve() : reject(new Error(`status ${status.toString(16)}`)); },
      }, null, null, false, "", false);
    });
    return btoa(parts.join(""));
  },

  mark(path, uids, what) {
    const headers = this.headers(path, uids);
    if (what == "read") this.box(path).markMessagesRead(headers, true);
    else if (what == "flagged") this.box(path).markMessagesFlagged(headers, true);
    else this.box(path).addKeywordsToMessages(headers, what);
  },

  create(path) {
    this.server.rootFolder.createSubfolder(path, this.window.msgWindow);
    return this.until(50, () => this.folders().includes(path));
  },
  copy(from, uids, to, move) {
    return this.done(l => MailServices.copy.copyMessages(this.box(from), this.headers(from, uids), this.box(to), move, l, this.window.msgWindow, false));
  },
  remove(path, uids) { return this.done(l => this.box(path).deleteMessages(this.headers(path, uids), this.window.msgWindow, false, false, l, false)); },

  // A search that the server does, for a word in the body or the subject; the UIDs.
  search(path, where, word) {
    return new Promise(resolve => {
      const session = Cc["@mozilla.org/messenger/searchSession;1"].createInstance(Ci.nsIMsgSearchSession);
      session.addScopeTerm(Ci.nsMsgSearchScope.onlineMail, this.box(path));
      const term = session.createTerm();
      term.attrib = Ci.nsMsgSearchAttrib[where];
      term.op = Ci.nsMsgSearchOp.Contains;
      term.value = Object.assign(term.value, { attrib: Ci.nsMsgSearchAttrib[where], str: word });
      session.appendTerm(term);
      const found = [];
      session.registerListener({
        onSearchHit(header) { found.push(header.messageKey); },
        onSearchDone() { resolve(found); },
        onNewSearch() {},
      });
      session.search(null);
    });
  },

  // A message by the window for writing one, as a person sends it.
  async send(to, subject, body) {
    const fields = Cc["@mozilla.org/messengercompose/composefields;1"].createInstance(Ci.nsIMsgCompFields);
    Object.assign(fields, { to, subject, body });
    const parameters = Cc["@mozilla.org/messengercompose/composeparams;1"].createInstance(Ci.nsIMsgComposeParams);
    Object.assign(parameters, { type: Ci.nsIMsgCompType.New, format: Ci.nsIMsgCompFormat.PlainText, composeFields: fields,
                                identity: MailServices.accounts.defaultAccount.defaultIdentity });
    MailServices.compose.OpenComposeWindowWithParams(null, parameters);
    const writing = () => Services.wm.getMostRecentWindow("msgcompose");
    await this.until(50, () => writing()?.gMsgCompose?.editor?.document?.body?.textContent.includes(body.trim().split("\n")[0]));
    const opened = writing();
    await opened.SendMessage();
    await this.until(50, () => opened.closed);
  },

  // Shows a message in the main window.
  async show(path, uid) {
    const pane = this.window.document.getElementById("tabmail").currentAbout3Pane;
    pane.displayFolder(this.box(path));
    pane.selectMessage(this.headers(path, [uid])[0]);
    const shown = () => pane.messageBrowser?.contentWindow?.gMessage?.messageKey == uid && pane.messageBrowser.contentWindow.msgLoaded;
    await this.until(50, shown);
  },
};
globalThis.Session = Session;
return Services.appinfo.version;
