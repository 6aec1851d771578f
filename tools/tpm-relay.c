/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stands between tcsd and a software TPM 1.2, each on a Unix socket: writes a line for each command and
 * delays its answer as long as a chip would need. One connection at a time, as swtpm serves them; each
 * opens one to swtpm, which may have been restarted since.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <tss/platform.h>
#include <tss/tpm_ordinal.h>

#define HEADER_LEN 10 /* tag, size of the whole, ordinal or result */
#define PACKET_MAX 8192
#define COLUMNS_MAX 16
#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

#define NAMED(name) { TPM_ORD_##name, "TPM_" #name }
static const struct {
	uint32_t ordinal;
	const char *name;
} names[] = {
	NAMED(OIAP), NAMED(OSAP), NAMED(ChangeAuth), NAMED(TakeOwnership), NAMED(ChangeAuthOwner),
	NAMED(DSAP), NAMED(Extend), NAMED(PcrRead), NAMED(Quote), NAMED(Seal), NAMED(Unseal),
	NAMED(UnBind), NAMED(CreateWrapKey), NAMED(LoadKey), NAMED(GetPubKey), NAMED(EvictKey),
	NAMED(KeyControlOwner), NAMED(CreateMigrationBlob), NAMED(ConvertMigrationBlob),
	NAMED(AuthorizeMigrationKey), NAMED(CertifyKey), NAMED(CertifyKey2), NAMED(Sign), NAMED(Sealx),
	NAMED(Quote2), NAMED(SetCapability), NAMED(ResetLockValue), NAMED(LoadKey2), NAMED(GetRandom),
	NAMED(StirRandom), NAMED(SelfTestFull), NAMED(ContinueSelfTest), NAMED(GetTestResult),
	NAMED(OwnerClear), NAMED(ForceClear), NAMED(GetCapability), NAMED(GetCapabilityOwner),
	NAMED(OwnerSetDisable), NAMED(PhysicalEnable), NAMED(PhysicalDisable),
	NAMED(PhysicalSetDeactivated), NAMED(SetTempDeactivated), NAMED(CreateEndorsementKeyPair),
	NAMED(MakeIdentity), NAMED(ActivateIdentity), NAMED(ReadPubek), NAMED(OwnerReadPubek),
	NAMED(OwnerReadInternalPub), NAMED(Terminate_Handle), NAMED(SaveState), NAMED(Startup),
	NAMED(SaveKeyContext), NAMED(LoadKeyContext), NAMED(SaveAuthContext), NAMED(LoadAuthContext),
	NAMED(SaveContext), NAMED(LoadContext), NAMED(FlushSpecific), NAMED(PCR_Reset),
	NAMED(NV_DefineSpace), NAMED(NV_WriteValue), NAMED(NV_WriteValueAuth), NAMED(NV_ReadValue),
	NAMED(NV_ReadValueAuth), NAMED(ReadCounter), NAMED(EstablishTransport), NAMED(ExecuteTransport),
	NAMED(ReleaseTransportSigned), NAMED(GetTicks), NAMED(TickStampBlob),
};

/* Milliseconds of the chip that was chosen, in the order of names. */
static double latency[COUNT_OF(names)], latency_other;

/* Set-up is not what a user waits for each day: SIGUSR1 begins the delays, SIGUSR2 ends them. */
static volatile sig_atomic_t delaying;

static int log_file = -1;

static _Noreturn void die(const char *what, const char *why)
{
	fprintf(stderr, "tpm-relay: %s: %s\n", what, why);
	exit(EXIT_FAILURE);
}

static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static uint32_t u32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static size_t name_index(uint32_t ordinal)
{
	size_t i = 0;

	while (i < COUNT_OF(names) && names[i].ordinal != ordinal)
		i++;
	return i;
}

/* --- the table of latencies --- */

static void latency_set(const char *name, double ms)
{
	size_t i = 0;

	if (strcmp(name, "other") == 0) {
		latency_other = ms;
		for (i = 0; i < COUNT_OF(names); i++)
			latency[i] = ms;
		return;
	}
	while (i < COUNT_OF(names) && strcmp(names[i].name, name) != 0)
		i++;
	if (i == COUNT_OF(names))
		die("the table has a command that is not known here", name);
	latency[i] = ms;
}

/* The first line that is no comment names the chips, one a column; "other" comes before the commands. */
static void latency_read(const char *path, const char *chip)
{
	FILE *file = fopen(path, "r");
	size_t column = 0;
	char line[512];

	if (file == NULL)
		die(path, strerror(errno));
	while (fgets(line, sizeof line, file) != NULL) {
		char *words[COLUMNS_MAX], *rest = line, *word;
		size_t count = 0;

		while (count < COLUMNS_MAX && (word = strtok_r(rest, " \t\n", &rest)) != NULL && *word != '#')
			words[count++] = word;
		if (count == 0)
			continue;
		if (column != 0 && count > column) {
			latency_set(words[0], strtod(words[column], NULL));
			continue;
		}
		for (size_t i = 1; column == 0 && i < count; i++)
			if (strcmp(words[i], chip) == 0)
				column = i;
		if (column == 0 || count <= column)
			die(path, "the chip has no column, or a line is too short");
	}
	fclose(file);
}

/* The rest of what the chip would need. */
static void latency_wait(size_t index, double begin)
{
	double ms = (index < COUNT_OF(names) ? latency[index] : latency_other) - (now_ms() - begin);
	struct timespec rest;

	if (!delaying || ms <= 0)
		return;
	rest.tv_sec = (time_t)(ms / 1e3);
	rest.tv_nsec = (long)((ms - (double)rest.tv_sec * 1e3) * 1e6);
	while (nanosleep(&rest, &rest) != 0 && errno == EINTR)
		;
}

/* --- packets --- */

static bool read_all(int fd, uint8_t *p, size_t n)
{
	while (n != 0) {
		ssize_t got = read(fd, p, n);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return false;
		p += got;
		n -= (size_t)got;
	}
	return true;
}

static bool write_all(int fd, const uint8_t *p, size_t n)
{
	while (n != 0) {
		ssize_t put = write(fd, p, n);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return false;
		p += put;
		n -= (size_t)put;
	}
	return true;
}

/* One command or answer, which says itself how long it is. */
static bool packet_read(int fd, uint8_t packet[PACKET_MAX], size_t *n)
{
	if (!read_all(fd, packet, HEADER_LEN))
		return false;
	*n = u32(packet + 2);
	return *n >= HEADER_LEN && *n <= PACKET_MAX && read_all(fd, packet + HEADER_LEN, *n - HEADER_LEN);
}

/* Before the answer goes back: who has it can rely on the line. */
static void command_log(size_t index, uint32_t ordinal, const char *result, double begin)
{
	char line[128], number[32];
	int n;

	if (log_file < 0)
		return;
	snprintf(number, sizeof number, "0x%08lx", (unsigned long)ordinal);
	n = snprintf(line, sizeof line, "%s %s %.3f\n", index < COUNT_OF(names) ? names[index].name : number,
		result, now_ms() - begin);
	write_all(log_file, (uint8_t *)line, (size_t)n);
}

/* One command there and its answer back. */
static bool exchange(int client, int chip)
{
	uint8_t packet[PACKET_MAX];
	char result[16];
	uint32_t ordinal;
	double begin;
	size_t n, index;

	if (!packet_read(client, packet, &n))
		return false;
	begin = now_ms();
	ordinal = u32(packet + 6);
	index = name_index(ordinal);
	if (!write_all(chip, packet, n) || !packet_read(chip, packet, &n)) {
		command_log(index, ordinal, "unanswered", begin);
		return false;
	}
	latency_wait(index, begin);
	snprintf(result, sizeof result, "0x%lx", (unsigned long)u32(packet + 6));
	command_log(index, ordinal, result, begin);
	return write_all(client, packet, n);
}

/* --- sockets --- */

static struct sockaddr_un address_of(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	if (strlen(path) >= sizeof address.sun_path)
		die(path, "the name is too long for a socket");
	memcpy(address.sun_path, path, strlen(path) + 1);
	return address;
}

static int socket_new(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	if (fd < 0)
		die("socket", strerror(errno));
	return fd;
}

static void serve(int client, const struct sockaddr_un *chip_address)
{
	int chip = socket_new();

	if (connect(chip, (const struct sockaddr *)chip_address, sizeof *chip_address) == 0)
		while (exchange(client, chip))
			;
	close(chip);
	close(client);
}

static void delay_or_not(int signal_number)
{
	delaying = signal_number == SIGUSR1;
}

static _Noreturn void usage(void)
{
	fputs("usage: tpm-relay [-l LOG] [-t TABLE -c CHIP] SOCKET CHIP_SOCKET\n"
		"SIGUSR1 begins the delays, SIGUSR2 ends them.\n", stderr);
	exit(2);
}

int main(int argc, char **argv)
{
	struct sigaction act = { .sa_handler = delay_or_not, .sa_flags = SA_RESTART };
	const char *log_path = NULL, *table = NULL, *chip = NULL;
	struct sockaddr_un here, there;
	int option, server, client;

	while ((option = getopt(argc, argv, "l:t:c:")) != -1) {
		if (option == '?')
			usage();
		*(option == 'l' ? &log_path : option == 't' ? &table : &chip) = optarg;
	}
	if (argc - optind != 2 || (table == NULL) != (chip == NULL))
		usage();
	sigaction(SIGUSR1, &act, NULL);
	sigaction(SIGUSR2, &act, NULL);
	signal(SIGPIPE, SIG_IGN);
	if (table != NULL)
		latency_read(table, chip);
	if (log_path != NULL
		&& (log_file = open(log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644)) < 0)
		die(log_path, strerror(errno));
	here = address_of(argv[optind]);
	there = address_of(argv[optind + 1]);
	server = socket_new();
	unlink(argv[optind]);
	if (bind(server, (struct sockaddr *)&here, sizeof here) != 0 || listen(server, 8) != 0)
		die(argv[optind], strerror(errno));
	while ((client = accept(server, NULL, NULL)) >= 0 || errno == EINTR || errno == ECONNABORTED)
		if (client >= 0)
			serve(client, &there);
	die("accept", strerror(errno));
}
