#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
# Make a MaxMind DB with countries out of the two files of Debian's tor-geoipdb.
#
# usage: tor-geoip-to-mmdb.pl GEOIP GEOIP6 OUTPUT
#
# Layout as in MaxMind's own country databases: country.iso_code, country.names.en. Names of
# countries come from tzdata's table; the source has codes only. Any line that is not understood
# ends the run: half a database would be a wrong one.
use strict;
use warnings;
use MaxMind::DB::Writer::Tree;
use Socket qw(AF_INET6 inet_pton);

my $NAMES = '/usr/share/zoneinfo/iso3166.tab';
my %NO_COUNTRY = map { $_ => 1 } '??', 'ZZ'; # ISO 3166-1: ZZ is "unknown" by use

@ARGV == 3 or die "usage: tor-geoip-to-mmdb.pl GEOIP GEOIP6 OUTPUT\n";
my ($geoip, $geoip6, $output) = @ARGV;

sub country_names {
	my %names;
	open my $table, '<:encoding(UTF-8)', $NAMES or return; # codes alone do as well
	while (my $line = <$table>) {
		$names{$1} = $2 if $line =~ /^([A-Z]{2})\t(.+)$/;
	}
	return %names;
}

my %names = country_names();
my %types = (country => 'map', iso_code => 'utf8_string', names => 'map', en => 'utf8_string');
my ($generated, $vendor, $license) = ('unknown', '', '');
my $n_ranges = 0;
my $tree;

my %data;

sub data_of {
	my ($code) = @_;
	my %country = (iso_code => $code);
	$country{names} = { en => $names{$code} } if $names{$code};
	return $data{$code} //= { country => \%country };
}

# "16777216" → "1.0.0.0"
sub dotted {
	my ($number) = @_;
	return join '.', unpack 'C4', pack 'N', $number;
}

sub range4 {
	my ($line) = @_;
	my ($first, $last, $code) = $line =~ /^(\d{1,10}),(\d{1,10}),([A-Z]{2}|\?\?)$/ or return;
	return if $first > $last || $last > 0xffffffff;
	return (dotted($first), dotted($last), $code);
}

sub range6 {
	my ($line) = @_;
	my ($first, $last, $code) = $line =~ /^([0-9a-f:]+),([0-9a-f:]+),([A-Z]{2}|\?\?)$/ or return;
	my ($a, $b) = (inet_pton(AF_INET6, $first), inet_pton(AF_INET6, $last));
	return if !$a || !$b || ($a cmp $b) > 0;
	return ($first, $last, $code);
}

sub comment {
	my ($line) = @_;
	$generated = $1 if $line =~ /^# Generated: +(.+?) *$/;
	$vendor = $1 if $line =~ /^# Vendor: +(.+?) *$/;
	$license = $1 if $line =~ /^# License: +(.+?) *$/;
}

sub read_file {
	my ($path, $range) = @_;
	my $n = 0;
	open my $file, '<:encoding(US-ASCII)', $path or die "$path: $!\n";
	while (my $line = <$file>) {
		chomp $line;
		next if $line =~ /^(?:#|$)/;
		my ($first, $last, $code) = $range->($line) or die "$path:$.: not understood: $line\n";
		next if $NO_COUNTRY{$code};
		$tree->insert_range($first, $last, data_of($code));
		$n++;
	}
	die "$path: no range in it\n" if !$n;
	$n_ranges += $n;
}

# The licence is in the comments, and it belongs into what is made of the data: read them first.
for my $path ($geoip, $geoip6) {
	open my $file, '<', $path or die "$path: $!\n";
	while (my $line = <$file>) {
		last if $line !~ /^#/;
		comment($line);
	}
}
die "$geoip: names no vendor and no licence: another file than expected\n" if !$vendor || !$license;

$tree = MaxMind::DB::Writer::Tree->new(
	ip_version => 6,
	record_size => 24,
	database_type => 'ipacct-Country',
	languages => ['en'],
	description => { en => "Countries by $vendor, of $generated, $license, converted from tor-geoipdb" },
	map_key_type_callback => sub { $types{ $_[0] } },
	remove_reserved_networks => 0,
	merge_strategy => 'none',
);
read_file($geoip, \&range4);
read_file($geoip6, \&range6);
open my $file, '>:raw', $output or die "$output: $!\n";
$tree->write_tree($file);
close $file or die "$output: $!\n";
print "$n_ranges ranges of $vendor, of $generated, $license\n";
