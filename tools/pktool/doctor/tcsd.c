/* SPDX-License-Identifier: BSD-2-Clause */
/* tcsd, as far as it can be seen without asking the chip anything. */
#include "pktool/doctor/doctor.h"

#include <netdb.h>
#include <pwd.h>
#include <stdio.h>

#include "pktool/doctor/process.h"
#include "tspi/port.h"
#include "util/system.h"

#define ALIVE_MS 3000
#define PLACES_FEW 5

#define START "start it (systemctl start tcsd; svcadm enable tcsd)"
#define RESTART "restart it (systemctl restart tcsd; svcadm restart tcsd)"

static void listener_find(struct tcsd *tcsd)
{
	struct addrinfo *addresses = port_addresses();

	snprintf(tcsd->where, sizeof tcsd->where, "%.250s, port %.50s", port_host(), port_service());
	tcsd->is_local = true;
	for (const struct addrinfo *a = addresses; a != NULL; a = a->ai_next) {
		tcsd->is_local &= port_is_loopback(a->ai_addr);
		tcsd->knows_owner |= port_is_loopback(a->ai_addr) && !tcsd->knows_owner
			&& system_listener(a->ai_addr, &tcsd->owner);
	}
	if (addresses != NULL)
		freeaddrinfo(addresses);
}

/* tcsd takes connections and hangs up on who has nothing to say; the kernel takes them for one that hangs. */
static const char *fault_find(const struct doctor *d, enum port_state state)
{
	switch (state) {
	case PORT_REFUSES:
		return "nobody listens there: " START;
	case PORT_FOREIGN:
		return doctor_complaint(d, "what listens there is not tcsd");
	case PORT_UNABLE:
	case PORT_NO_MEMORY:
		return doctor_complaint(d, "out of memory");
	case PORT_BUSY:
		return "more programs knock than it lets wait: " RESTART;
	case PORT_ANSWERS:
		break;
	}
	return port_alive(ALIVE_MS) ? NULL : "it takes connections, but answers nobody: " RESTART;
}

const struct tcsd *doctor_tcsd(struct doctor *d)
{
	struct tcsd *tcsd = &d->tcsd;
	const char *fault;

	if (tcsd->looked)
		return tcsd;
	tcsd->looked = true;
	listener_find(tcsd);
	fault = fault_find(d, port_find());
	tcsd->answers = fault == NULL;
	snprintf(tcsd->fault, sizeof tcsd->fault, "%s", fault != NULL ? fault : "");
	return tcsd;
}

void tcsd_check(struct doctor *d)
{
	const struct tcsd *tcsd = doctor_tcsd(d);
	struct passwd *owner = tcsd->knows_owner ? getpwuid(tcsd->owner) : NULL;

	if (!tcsd->answers) {
		d->no_chip = "tcsd does not answer";
		doctor_say(d, VERDICT_FIX, "%s: %s", tcsd->where, tcsd->fault);
	} else if (!tcsd->is_local) {
		doctor_say(d, VERDICT_NOTE,
			"%s: answers, but is on another machine, and nothing protects what goes there",
			tcsd->where);
	} else {
		doctor_say(d, VERDICT_OK, "%s: answers%s%s", tcsd->where, owner != NULL ? ", runs as " : "",
			owner != NULL ? owner->pw_name : "");
	}
}

static bool find_process(struct doctor *d, struct process *process)
{
	const struct tcsd *tcsd = doctor_tcsd(d);
	struct passwd *tss = getpwnam("tss");

	return tcsd->is_local && process_find_tcsd("", tss != NULL ? tss->pw_uid : tcsd->owner, process);
}

static void version_judge(struct doctor *d, const struct version *version, const char *source)
{
	if (version_tcsd_is_unsafe(version))
		doctor_say(d, VERDICT_FIX,
			"%u.%u.%u (%s) has CVE-2020-24330, 24331 and 24332, unless your system's "
			"makers mended them: update trousers to 0.3.15",
			version->major, version->minor, version->patch, source);
	else
		doctor_say(d, VERDICT_OK, "%u.%u.%u (%s)", version->major, version->minor, version->patch,
			source);
}

/* tcsd has no option that tells, and says no more than "0.3" when asked through TrouSerS. */
void tcsd_version_check(struct doctor *d)
{
	struct version version;
	struct process process;

	if (!doctor_tcsd(d)->is_local)
		doctor_say(d, VERDICT_UNKNOWN,
			"cannot tell: tcsd is on another machine; 0.3.15 or newer is safe");
	else if (find_process(d, &process) && process_version(&process, &version))
		version_judge(d, &version, "says its program");
	else if (package_version(&version))
		version_judge(d, &version, "says the package manager");
	else
		doctor_say(d, VERDICT_UNKNOWN,
			"cannot tell: neither its program nor a package manager says; 0.3.15 or newer "
			"is safe");
}

void tcsd_places_check(struct doctor *d)
{
	bool found = false, known = false;
	unsigned int places = 0;
	struct process process;

	/* One that was found may have ended by now. */
	for (int tries = 0; tries < 3 && !known; tries++) {
		found = find_process(d, &process);
		known = found && process_places(&process, &places);
	}
	if (!found)
		doctor_say(d, VERDICT_SKIP, "tcsd is not seen running here");
	else if (!known)
		doctor_say(d, VERDICT_UNKNOWN, "cannot tell: tcsd.conf can be read by root and tss alone");
	else if (places < PLACES_FEW)
		doctor_say(d, VERDICT_NOTE,
			"num_threads is %u in tcsd.conf: so few programs can use the chip at a time", places);
	else
		doctor_say(d, VERDICT_OK, "%u programs can use the chip at a time", places);
}
