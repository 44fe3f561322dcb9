# Mail::IMAPTalk: host port ca user mailbox count, the password on stdin.
use strict;
use warnings;
use IO::Socket::SSL;
use Mail::IMAPTalk;

my ($host, $port, $ca, $user, $box, $count) = @ARGV;
chomp(my $password = <STDIN>);
# TLS 1.2: its reader takes a select() without data (a session ticket of 1.3) for the end.
my $socket = IO::Socket::SSL->new(PeerAddr => '127.0.0.1', PeerPort => $port, SSL_ca_file => $ca, SSL_hostname => $host, SSL_verifycn_name => $host,
                                  SSL_verifycn_scheme => 'imap', SSL_version => 'TLSv12') or die "connect: $SSL_ERROR";
my $imap = Mail::IMAPTalk->new(Socket => $socket, Username => $user, Password => $password, Uid => 1) or die "login: $@";
sub ok { my ($what, $good) = @_; die "$what: " . ($@ // '') unless $good; return $good }

my $capabilities = $imap->capability;
print 'capabilities: ' . scalar(keys %$capabilities) . "\n";
ok("create $_", $imap->create($_)) for $box, "${box}2";
my $folders = $imap->list('', '*');
ok('list has it', scalar grep { $_->[2] eq $box } @$folders);
for my $n (0 .. $count - 1) {
  my $text = "From: <s\@outside.test>\r\nSubject: number $n\r\nMessage-ID: <$box$n\@outside.test>\r\n\r\nline one of $n\r\n\"quoted\" {5}\r\n";
  ok('append', $imap->append($box, '(\\Draft)', ' 7-Feb-2025 10:00:00 +0000', { Literal => $text }));
}
ok('select', $imap->select($box));
my $uids = $imap->search('ALL');
ok('all of them', @$uids == $count);
my $fetched = $imap->fetch($uids->[0] . ':' . $uids->[-1], '(uid flags internaldate rfc822.size envelope bodystructure)');
ok('fetched all', keys %$fetched == $count);
for my $n (0, $count - 1) {
  my $one = $fetched->{$uids->[$n]};
  ok('envelope', $one->{envelope}{Subject} eq "number $n" && $one->{envelope}{'Message-ID'} eq "<$box$n\@outside.test>");
  ok('bodystructure', $one->{bodystructure}{'MIME-Type'} eq 'text');
  ok('internaldate', $one->{internaldate} eq ' 7-Feb-2025 10:00:00 +0000');
  my $body = $imap->fetch($uids->[$n], 'body.peek[text]');
  ok('octets', $body->{$uids->[$n]}{body} eq "line one of $n\r\n\"quoted\" {5}\r\n");
}
ok('store', $imap->store($uids->[0], '+flags', '(\\Flagged)'));
ok('flagged', join(',', @{ $imap->search('FLAGGED') }) eq $uids->[0]);
ok('sort', join(',', @{ $imap->sort('(reverse arrival)', 'utf-8', 'all') }) ne '');
ok('thread', $imap->thread('REFERENCES', 'utf-8', 'all'));
ok('copy', $imap->copy($uids->[1], "${box}2"));
ok('move', $imap->move($uids->[2], "${box}2"));
ok('store', $imap->store($uids->[1], '+flags', '(\\Deleted)'));
ok('expunge', $imap->expunge);
ok('status', $imap->status("${box}2", '(messages)')->{messages} == 2);
$imap->logout;
print "PASS\n";
