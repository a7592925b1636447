// How an interface makes its address known and defends it (RFC 5227, 2.3 and 2.4 (c)).
//
// Promise: two announcements two seconds apart. Another station that claims the address is contradicted at most once in
// ten seconds, so that two stations do not shout at each other for ever. An address from a server is given up only to a
// station that is really there: it has answered two questions that were sent to it alone. A forged message makes one
// such question in ten seconds, and nothing else.

struct AddressClaim {
    static var announcements: Int { 2 }
    /// ANNOUNCE_INTERVAL and DEFEND_INTERVAL.
    static var announceInterval: Duration { .seconds(2) }
    static var defendInterval: Duration { .seconds(10) }
    /// Between the questions to a rival, and for its answer.
    static var questionInterval: Duration { .seconds(1) }
    static var questions: Int { 2 }

    /// A station that claims the address too, while it is asked.
    private struct Rival {
        let hardware: EthernetAddress
        /// Answers to questions that came in time.
        var answers = 0
        /// A question was sent, and its answer has not come.
        var isAsked = false
        /// Asked: when it has not answered in time. Else: when the next question goes out.
        var due: Instant
    }

    /// Probes still to be sent, and when the next one is due: whether another station has the address already.
    private var probes: Int
    private var probeAt = Instant.start
    /// Announcements still to be made, and when the next one is due.
    private var announcements: Int
    private var announceAt = Instant.start
    /// Before these instants no claim is contradicted, and no other rival is asked.
    private var defendedUntil = Instant.start
    private var askedUntil = Instant.start
    private var rival: Rival?

    init(announcements: Int = 0, probes: Int = 0) {
        self.announcements = announcements
        self.probes = probes
    }

    /// When there is something to do.
    var deadline: Instant {
        let own = probes > 0 ? probeAt : announcements > 0 ? announceAt : .never
        return min(own, rival?.due ?? .never)
    }

    /// Whether a probe is due now; then it is counted as sent.
    mutating func probes(now: Instant) -> Bool {
        guard probes > 0, now >= probeAt else { return false }
        probes -= 1
        probeAt = now + DHCPTime.probeInterval
        announceAt = probeAt
        return true
    }

    /// Whether an announcement is due now; then it is counted as made.
    mutating func announces(now: Instant) -> Bool {
        guard probes == 0, announcements > 0, now >= announceAt else { return false }
        announcements -= 1
        announceAt = now + Self.announceInterval
        return true
    }

    /// Another station claims the address: whether that is to be contradicted now.
    mutating func defends(now: Instant) -> Bool {
        guard now >= defendedUntil else { return false }
        defendedUntil = now + Self.defendInterval
        return true
    }

    /// Begins to ask a station whether it is really there, unless one is asked already or was a moment ago.
    mutating func suspect(_ hardware: EthernetAddress, now: Instant) {
        guard rival == nil, now >= askedUntil else { return }
        askedUntil = now + Self.defendInterval
        rival = Rival(hardware: hardware, due: now)
    }

    /// The station that is to be asked now; then the question counts as sent. A rival that has not answered in time is
    /// forgotten.
    mutating func nextQuestion(now: Instant) -> EthernetAddress? {
        guard var asked = rival, now >= asked.due else { return nil }
        guard !asked.isAsked else {
            rival = nil
            return nil
        }
        asked.isAsked = true
        asked.due = now + Self.questionInterval
        rival = asked
        return asked.hardware
    }

    /// A station has said in a reply that the address is its own: whether it has now answered all questions. A reply
    /// between the questions answers none: it is no proof that its sender received them.
    mutating func isProved(by hardware: EthernetAddress, now: Instant) -> Bool {
        guard var asked = rival, asked.hardware == hardware else { return false }
        guard asked.isAsked, now <= asked.due else {
            rival = nil
            return false
        }
        asked.answers += 1
        asked.isAsked = false
        asked.due = now + Self.questionInterval
        rival = asked.answers < Self.questions ? asked : nil
        return rival == nil
    }
}
