// Echo requests under way (the ping system call): a fixed table of slots, each found again by its identifier.
//
// Promise: a slot is answered once, by a reply that matches in identifier, sequence number, address and length, by an
// ICMP error about our request, by a neighbour that does not answer ARP, or by its deadline, whichever comes first.

import Storage

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
    var destination = IPAddress.unspecified
    /// The neighbour that the request goes to, and by which interface.
    var nextHop = IPAddress.unspecified
    var interface = InterfaceID.loopback
    var payloadCount = 0
    var sentAt = Instant.start
    var deadline = Instant.start

    var isWaiting: Bool {
        if case .waiting = state { return true }
        return false
    }
}

/// Echo requests under way, and those whose outcome was not taken yet.
struct EchoTable: ~Copyable {
    static var memoryNeeded: Int { TableMemory.byteCount(EchoSlot.self, StackLimit.echoes) }

    let slots: Table<EchoSlot>

    init(_ memory: inout TableMemory) { slots = memory.table(StackLimit.echoes) { EchoSlot() } }

    /// Takes a free slot; nil when there is none.
    mutating func begin(_ slot: EchoSlot, _ timers: inout TimerQueue, _ random: inout RandomGenerator) -> Int? {
        for i in 0..<slots.count {
            guard case .free = slots[i].state else { continue }
            let last = slots[i].identifier
            slots[i] = slot
            slots[i].state = .waiting
            // The slot in the lower bits; the others are drawn anew, other than last time, so that a late reply does
            // not fit.
            repeat {
                slots[i].identifier =
                    UInt16(truncatingIfNeeded: random.number()) & ~UInt16(StackLimit.echoes - 1) | UInt16(i)
            } while slots[i].identifier == last
            timers.set(.echo(i), at: slot.deadline)
            return i
        }
        return nil
    }

    /// Ends a request that is under way.
    mutating func complete(
        _ i: Int, _ outcome: EchoOutcome, _ timers: inout TimerQueue, _ completions: inout CompletionList
    ) {
        guard slots[i].isWaiting else { return }
        timers.cancel(.echo(i))
        slots[i].state = .done(outcome)
        completions.append(.echo(i))
    }

    /// Frees a slot, whatever its state.
    mutating func free(_ i: Int, _ timers: inout TimerQueue) {
        timers.cancel(.echo(i))
        slots[i].state = .free
    }

    /// The slot that waits for this; the identifier names it.
    func find(_ identifier: UInt16, _ sequence: UInt16, _ destination: IPAddress) -> Int? {
        let i = Int(identifier & UInt16(StackLimit.echoes - 1))
        guard slots[i].isWaiting, slots[i].identifier == identifier, slots[i].sequence == sequence,
            slots[i].destination == destination
        else { return nil }
        return i
    }

    /// Every request on its way to this neighbour has failed.
    mutating func fail(
        nextHop: IPAddress, on interface: InterfaceID, _ error: EchoError, _ timers: inout TimerQueue,
        _ completions: inout CompletionList
    ) {
        for i in 0..<slots.count where slots[i].nextHop == nextHop && slots[i].interface == interface {
            complete(i, .failed(error), &timers, &completions)
        }
    }
}
