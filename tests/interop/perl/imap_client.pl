# Mail::IMAPClient: host port ca user mailbox count, the password on stdin.
use strict;
use warnings;
use IO::Socket::SSL;
use Mail::IMAPClient;

my ($host, $port, $ca, $user, $box, $count) = @ARGV;
chomp(my $password = <STDIN>);
my $socket = IO::Socket::SSL->new(PeerAddr => '127.0.0.1', PeerPort => $port, SSL_ca_file => $ca, SSL_hostname => $host, SSL_verifycn_name => $host,
                                  SSL_verifycn_scheme => 'imap') or die "connect: $SSL_ERROR";
my $imap = Mail::IMAPClient->new(Socket => $socket, User => $user, Password => $password, Uid => 1, Peek => 1) or die "login: $@";
sub ok { my ($what, $good) = @_; die "$what: " . ($imap->LastError // '') unless $good; return $good }

ok('capability', $imap->has_capability('IMAP4rev1'));
print 'capabilities: ' . scalar(my @all = $imap->capability) . "\n";
ok("create $_", $imap->create($_)) for $box, "${box}2";
ok('list', scalar grep { $_ eq $box } $imap->folders);
my @uids;
for my $n (0 .. $count - 1) {
  my $text = "From: <s\@outside.test>\r\nSubject: number $n\r\nMessage-ID: <$box$n\@outside.test>\r\n\r\nline one of $n\r\n\"quoted\" {5}\r\n";
  push @uids, ok('append', $imap->append_string($box, $text));
}
ok('select', $imap->select($box));
my @seen = $imap->messages;
ok('messages', @seen == $count && "@seen" eq "@uids");
for my $n (0, $count - 1) {
  my $body = $imap->body_string($uids[$n]) // 'none';
  ok("body '$body'", $body eq "line one of $n\r\n\"quoted\" {5}\r\n");
  ok('subject', $imap->subject($uids[$n]) eq "number $n");
  my $structure = ok('bodystructure', $imap->get_bodystructure($uids[$n]));
  ok('type', lc $structure->bodytype eq 'text');
  ok('envelope', $imap->get_envelope($uids[$n])->messageid eq "<$box$n\@outside.test>");
}
my $hash = $imap->fetch_hash('UID', 'FLAGS', 'INTERNALDATE', 'RFC822.SIZE');
ok('fetch_hash of all', keys %$hash == $count);
ok('store', $imap->set_flag('Flagged', $uids[0]));
ok('search', join(',', $imap->search('FLAGGED')) eq $uids[0]);
ok('copy', $imap->copy("${box}2", $uids[1]));
ok('move', $imap->move("${box}2", $uids[2]));
ok('expunge', $imap->expunge);
ok('delete', $imap->delete_message($uids[1]));
ok('expunge', $imap->expunge);
ok('status', $imap->message_count("${box}2") == 2);
ok('logout', $imap->logout);
print "PASS\n";
