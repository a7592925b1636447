// A network in one value: hosts and a DHCP server on one switch, wires with faults, and virtual time. No clock and no
// randomness but the seed: two simulations with the same arguments do the same, step by step.

import NetStack

public final class Simulation {
    /// Nanoseconds since the beginning.
    public private(set) var now: UInt64 = 0
    public let hosts: [SimulatedHost]
    public let server: SimulatedServer
    public private(set) var trace = Trace()
    public private(set) var counts: [Trace.Step: Int] = [:]
    private let faults: Faults
    private var random: SeededRandom
    private var events = EventQueue()
    private var bridge = Switch()
    private var damagedDatagrams: Set<UInt64> = []
    /// By port; the server's is the last.
    private let stations: [any Station]
    /// By port: the wake-up that is in the queue, so that none is there twice.
    private var wakeTimes: [UInt64]

    public static let second: UInt64 = 1_000_000_000

    /// - Parameters:
    ///   - packets: buffers in each host's pool.
    ///   - leaseTime: seconds that the server grants.
    ///   - responseTime: nanoseconds until a host looks at what arrived.
    ///   - addresses: what the server has; nil: more than enough.
    public init(
        seed: UInt64, hosts hostCount: Int, faults: Faults, packets: Int = 32, responseTime: UInt64 = 0,
        leaseTime: UInt32 = 3600,
        addresses: Int? = nil, isPrinted: Bool = false
    ) {
        var random = SeededRandom(seed: seed)
        hosts = (0..<hostCount).map {
            SimulatedHost(number: $0, packets: packets, responseTime: responseTime, seed: random.next())
        }
        // Addresses to spare: those that a damaged ARP message made look taken are gone for good.
        server = SimulatedServer(addresses: addresses ?? hostCount * 2 + 16, leaseTime: leaseTime)
        stations = hosts + [server]
        wakeTimes = Array(repeating: .max, count: hostCount + 1)
        self.faults = faults
        self.random = random
        trace.isPrinted = isPrinted
        for host in hosts {
            host.report = { [unowned self, number = host.number] step, value, text in
                trace.note(step, value, port: number, at: now, text())
            }
        }
    }

    // MARK: Time

    /// Lets time pass until `isDone`, which is looked at ten times a second; false when that did not come within
    /// `limit` nanoseconds.
    public func run(atMost limit: UInt64, until isDone: () -> Bool) -> Bool {
        let end = now + limit
        while !isDone() {
            guard now < end else { return false }
            run(to: min(end, now + Self.second / 10))
        }
        return true
    }

    /// Does everything that happens up to and including an instant.
    public func run(to instant: UInt64) {
        while let next = events.nextTime, next <= instant, let (event, frame) = events.removeFirst() {
            now = event.time
            let port = Int(event.port)
            switch event.kind {
            case .atSwitch: if let frame { forward(frame, from: port) }
            case .atStation:
                guard let frame else { continue }
                trace.note(.delivered, frame, port: port, at: now)
                if stations[port].receive(frame, now: now) { settle(port) }
            case .wake:
                guard wakeTimes[port] == now else { continue }  // meanwhile it wanted another time
                wakeTimes[port] = .max
                stations[port].wake(now: now)
                settle(port)
            }
        }
        now = instant
    }

    /// Lets a host do something of its own accord.
    public func at(_ port: Int, _ body: (SimulatedHost) -> Void) {
        body(hosts[port])
        settle(port)
    }

    /// Takes what a station wants sent, and asks when it wants to be called.
    private func settle(_ port: Int) {
        for frame in stations[port].takeOutgoing() {
            trace.note(.sent, frame, port: port, at: now)
            carry(frame, .atSwitch, port)
        }
        let wanted = max(stations[port].deadline, now + 1)
        if wanted < wakeTimes[port], wanted != .max {
            wakeTimes[port] = wanted
            events.schedule(.wake, port: port, at: wanted)
        }
    }

    // MARK: The wire

    private func forward(_ frame: Frame, from port: Int) {
        switch bridge.forward(frame, from: port) {
        case .none: break
        case .port(let other): carry(frame, .atStation, other)
        case .flood: for other in stations.indices where other != port { carry(frame, .atStation, other) }
        }
    }

    /// One frame over one link in one direction, with all that can happen to it there.
    private func carry(_ frame: Frame, _ kind: Event.Kind, _ port: Int) {
        if random.chance(faults.loss) { return note(.lost, frame, port) }
        let copies = random.chance(faults.duplication) ? 2 : 1
        if copies == 2 { note(.duplicated, frame, port) }
        for _ in 0..<copies {
            var copy = frame
            if mayDamage(frame), random.chance(faults.corruption) {
                copy = frame.damaged(&random)
                if let datagram = frame.fragmentedDatagram { damagedDatagrams.insert(datagram) }
                note(.damaged, copy, port)
                if !faults.deliversDamaged {
                    note(.discarded, copy, port)
                    continue
                }
            }
            events.schedule(kind, port: port, frame: copy, at: now + faults.latency + random.upTo(faults.jitter))
        }
    }

    /// Whether the checksum is sure to find one more flipped bit: not a second one in a frame, nor in another fragment
    /// of the datagram, since two can cancel each other in a sum.
    private func mayDamage(_ frame: Frame) -> Bool {
        guard !frame.isDamaged else { return false }
        guard faults.corruption > 0, let datagram = frame.fragmentedDatagram else { return true }
        return !damagedDatagrams.contains(datagram)
    }

    private func note(_ step: Trace.Step, _ frame: Frame, _ port: Int) {
        counts[step, default: 0] += 1
        trace.note(step, frame, port: port, at: now)
    }
}

// MARK: What all hosts do

extension Simulation {
    /// Every host begins to ask for an address, at a random moment within `span` nanoseconds.
    public func startDHCP(within span: UInt64) {
        let starts = hosts.map { ($0.number, now + random.upTo(span)) }.sorted { ($0.1, $0.0) < ($1.1, $1.0) }
        for (number, time) in starts {
            run(to: time)
            at(number) { $0.startDHCP(now: now) }
        }
    }

    /// Every host pings the next one, and the last the first, until it is answered or has tried so often.
    public func pingNeighbours(tries: Int) {
        for host in hosts {
            let target = hosts[(host.number + 1) % hosts.count]
            at(host.number) { $0.ping({ [unowned target] in target.address }, tries: tries, now: now) }
        }
    }

    public func openSockets() throws(SocketError) { for host in hosts { try host.openSocket() } }
    public func closeSockets() { for host in hosts { at(host.number) { $0.closeSocket() } } }

    /// Every host sends its neighbour a datagram, of up to so many bytes.
    public func sendDatagrams(upTo most: Int) {
        for host in hosts {
            guard let address = hosts[(host.number + 1) % hosts.count].address else { continue }
            let byteCount = DatagramContent.least + Int(random.upTo(UInt64(most - DatagramContent.least)))
            at(host.number) { $0.sendDatagram(to: address, byteCount: byteCount, now: now) }
        }
    }

    /// Two hosts that use one address; nil when there are none.
    public var sharedAddress: (IPv4Address, Int, Int)? {
        var owners: [IPv4Address: Int] = [:]
        for host in hosts {
            guard let address = host.address else { continue }
            if let other = owners.updateValue(host.number, forKey: address) { return (address, other, host.number) }
        }
        return nil
    }

    public var areAllBound: Bool { hosts.allSatisfy { $0.lease != nil } }
}
