// How a neighbour's state changes: by what it says, by time, and by hand (RFC 4861, 7.2 and 7.3).

import Storage

extension NeighbourCache {
    // MARK: What neighbours say

    /// What a message of a neighbour's means.
    enum News {
        /// Nothing new.
        case nothing
        /// A reply to no open question.
        case unsolicited
        /// The address is known now: packets that wait at this entry may leave.
        case answered(Int)
        /// It contradicts what is known: this neighbour is to be asked, at the hardware address that it had.
        case contradicted(Int)
    }

    /// Takes a reply: it counts when it answers an open question, and only from the station that was asked when one
    /// was.
    mutating func hearReply(
        _ address: IPAddress, _ hardware: EthernetAddress, on interface: InterfaceID, now: Instant,
        _ timers: inout TimerQueue
    ) -> News {
        guard let i = find(address, on: interface) else { return .unsolicited }
        switch entries[i].state {
        case .incomplete: break
        case .probe: guard entries[i].hardware == hardware else { return .unsolicited }
        case .reachable, .stale, .delay:
            return entries[i].hardware == hardware ? .unsolicited : contradict(i, now: now, &timers)
        case .permanent: return .unsolicited
        }
        complete(i, hardware, .reachable, now: now, &timers)
        return .answered(i)
    }

    /// Takes a request of a neighbour, which carries its addresses: a new neighbour gets a stale entry when `mayLearn`.
    mutating func hearRequest(
        _ address: IPAddress, _ hardware: EthernetAddress, on interface: InterfaceID, mayLearn: Bool, isGateway: Bool,
        now: Instant,
        _ timers: inout TimerQueue
    ) -> News {
        guard let i = find(address, on: interface) else {
            guard mayLearn, let i = place(now: now, &timers) else { return .nothing }
            enter(i, address, on: interface, isGateway: isGateway, now: now)
            entries[i].state = .stale
            entries[i].hardware = hardware
            return .nothing
        }
        switch entries[i].state {
        case .incomplete:
            complete(i, hardware, .stale, now: now, &timers)
            return .answered(i)
        case .probe, .permanent: return .nothing
        case .reachable, .stale, .delay:
            return entries[i].hardware == hardware ? .nothing : contradict(i, now: now, &timers)
        }
    }

    private mutating func complete(
        _ i: Int, _ hardware: EthernetAddress, _ state: NeighbourState, now: Instant, _ timers: inout TimerQueue
    ) {
        if entries[i].state == .incomplete { unlink(i) }
        timers.cancel(.neighbour(i))
        entries[i].hardware = hardware
        entries[i].state = state
        entries[i].reachableUntil = now + NeighbourLimit.reachableTime
    }

    /// Another station claims a neighbour's address: the neighbour itself is asked, at most once a second.
    private mutating func contradict(_ i: Int, now: Instant, _ timers: inout TimerQueue) -> News {
        guard now >= entries[i].quietUntil else { return .nothing }
        probe(i, now: now, &timers)
        return .contradicted(i)
    }

    private mutating func probe(_ i: Int, now: Instant, _ timers: inout TimerQueue) {
        entries[i].state = .probe
        entries[i].questions = 1
        entries[i].quietUntil = now + NeighbourLimit.retransmission
        timers.set(.neighbour(i), at: now + NeighbourLimit.retransmission)
    }

    // MARK: Time

    /// What to do when a neighbour's timer is due.
    enum Step: ~Copyable {
        /// Ask: everyone on the link, or (probing) this neighbour alone.
        case ask(EthernetAddress?)
        /// Given up, with the packets that waited.
        case failed(PacketQueue)
    }

    mutating func timeout(_ i: Int, now: Instant, _ timers: inout TimerQueue) -> Step {
        if entries[i].state == .delay {
            probe(i, now: now, &timers)
            return .ask(entries[i].hardware)
        }
        guard Int(entries[i].questions) < NeighbourLimit.questions else {
            let waiting = takeWaiting(i)
            remove(i, &timers)
            return .failed(waiting)
        }
        entries[i].questions += 1
        entries[i].quietUntil = now + NeighbourLimit.retransmission
        timers.set(.neighbour(i), at: now + NeighbourLimit.retransmission)
        return .ask(entries[i].state == .probe ? entries[i].hardware : nil)
    }

    // MARK: By hand

    /// Makes an entry that stays. Returns it, for the packets that waited there; nil when there is no room for another.
    mutating func makePermanent(
        _ address: IPAddress, _ hardware: EthernetAddress, on interface: InterfaceID, isGateway: Bool, now: Instant,
        _ timers: inout TimerQueue
    ) -> Int? {
        if let i = find(address, on: interface) {
            guard entries[i].state == .permanent || permanentCount < NeighbourLimit.permanent else { return nil }
            if entries[i].state != .permanent { permanentCount += 1 }
            complete(i, hardware, .permanent, now: now, &timers)
            return i
        }
        guard permanentCount < NeighbourLimit.permanent, let i = place(now: now, &timers) ?? dropIncomplete(&timers)
        else { return nil }
        enter(i, address, on: interface, isGateway: isGateway, now: now)
        entries[i].state = .stale
        permanentCount += 1
        complete(i, hardware, .permanent, now: now, &timers)
        return i
    }
}
