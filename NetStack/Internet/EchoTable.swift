// Echo requests under way (the ping system call): a fixed table of slots, each found again by its identifier.
//
// Promise: a slot is answered once, by a reply that matches in identifier, sequence number, address and length, by an ICMP error about our
// request, by a neighbour that does not answer ARP, or by its deadline, whichever comes first.

/// Why there is no reply.
public enum EchoError: Error, Equatable {
    case noInterface, noRoute, noMemory, tooLarge, badAddress, tooManyRequests
    case timedOut, networkUnreachable, hostUnreachable, unreachable, timeExceeded

    public var message: StaticString {
        switch self {
        case .noInterface: "no network interface has an address"
        case .noRoute: "no route to this address"
        case .noMemory: "no free packet"
        case .tooLarge: "larger than the network's packets"
        case .badAddress: "not the address of one host"
        case .tooManyRequests: "too many echo requests under way"
        case .timedOut: "no reply in time"
        case .networkUnreachable: "network unreachable"
        case .hostUnreachable: "host unreachable"
        case .unreachable: "destination unreachable"
        case .timeExceeded: "time to live exceeded on the way"
        }
    }
}

/// An answered echo request.
public struct EchoReply: Equatable {
    /// From sending to receiving.
    public let roundTrip: Duration
    /// As it arrived.
    public let timeToLive: UInt8
    /// Bytes of the ICMP message, header included: payload + 8.
    public let byteCount: Int
    public let sequence: UInt16
}

public enum EchoOutcome: Equatable {
    case reply(EchoReply)
    case failed(EchoError)
}

/// One per echo request.
struct EchoSlot {
    enum State {
        case free
        case waiting
        case done(EchoOutcome)
    }

    var state = State.free
    var identifier: UInt16 = 0
    var sequence: UInt16 = 0
    var destination = IPv4Address.any
    /// Who is asked by ARP on the way there.
    var nextHop = IPv4Address.any
    var payloadCount = 0
    var sentAt = Instant.start
    var deadline = Instant.start

    var isWaiting: Bool {
        if case .waiting = state { return true }
        return false
    }
}

/// The memory is the stack's: a table by value would be copied where it is looked at.
struct EchoTable {
    static var capacity: Int { 16 }
    static var memoryNeeded: Int { MemoryLayout<EchoSlot>.stride * capacity }

    let slots: UnsafeMutablePointer<EchoSlot>
    /// Identifiers are this, plus the slot, plus 16 for each use: late replies to an earlier use do not fit.
    let base: UInt16
    var uses: UInt16 = 0
    /// Bit i: slot i was completed and nobody was told yet.
    var completed: UInt32 = 0
    private(set) var nextDeadline = Instant.never

    init(memory: UnsafeMutableRawPointer, random: UInt64) {
        slots = memory.bindMemory(to: EchoSlot.self, capacity: Self.capacity)
        for i in 0..<Self.capacity { (slots + i).initialize(to: EchoSlot()) }
        base = UInt16(truncatingIfNeeded: random)
    }

    mutating func begin(_ slot: EchoSlot) -> Int? {
        for i in 0..<Self.capacity {
            guard case .free = slots[i].state else { continue }
            slots[i] = slot
            slots[i].state = .waiting
            slots[i].identifier = base &+ UInt16(i) &+ uses &* 16
            uses &+= 1
            nextDeadline = min(nextDeadline, slot.deadline)
            return i
        }
        return nil
    }

    mutating func complete(_ i: Int, _ outcome: EchoOutcome) {
        slots[i].state = .done(outcome)
        completed |= 1 << UInt32(i)
    }

    /// The slot that waits for this; the identifier names it.
    func find(_ identifier: UInt16, _ sequence: UInt16, _ destination: IPv4Address) -> Int? {
        let i = Int((identifier &- base) & 15)
        let slot = slots[i]
        return slot.isWaiting && slot.identifier == identifier && slot.sequence == sequence && slot.destination == destination ? i : nil
    }

    /// Every request on its way to this neighbour has failed.
    mutating func fail(nextHop: IPv4Address, _ error: EchoError) {
        for i in 0..<Self.capacity where slots[i].isWaiting && slots[i].nextHop == nextHop { complete(i, .failed(error)) }
    }

    mutating func tick(now: Instant) {
        guard now >= nextDeadline else { return }
        nextDeadline = .never
        for i in 0..<Self.capacity where slots[i].isWaiting {
            if now >= slots[i].deadline {
                complete(i, .failed(.timedOut))
            } else {
                nextDeadline = min(nextDeadline, slots[i].deadline)
            }
        }
    }
}
