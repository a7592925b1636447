// DHCP in the kernel: who waits for an address, and what a lease looks like to a program. The stack has the client itself.

import Drivers
import Machine
import NetStack
import Synchronization
import SystemInterface

enum Leases {
    /// All who wait for some interface's address.
    nonisolated(unsafe) private static var waiters = WaitQueue()

    /// The instant (nanoseconds) until which the stack need be asked at all whether a lease is worth waiting for.
    private static let mayBeAwaitedUntil = Atomic<UInt64>(0)

    /// Interfaces whose state or lease changed, bit i for interface i.
    static func wake(_ changed: UInt32) {
        guard changed != 0 else { return }
        mayBeAwaitedUntil.store((Clock.now + Stack.leaseHope).nanoseconds, ordering: .relaxed)
        waiters.wakeAll()
    }

    /// Asks for an address, unless that is under way, and sleeps until there is one or the time has passed: then throws why there is none.
    static func request(_ interface: Int, timeout: Duration) throws(SystemError) -> LeaseReport {
        try Network.withStack { (stack) throws(SystemError) in
            guard stack.withInterface(interface, { $0.device.isLinkUp }) == true else { throw .networkDown }
            stack.startDHCP(interface, now: Clock.now)
        }
        do throws(SystemError) {
            return try waiters.wait(until: Clock.ticks(after: timeout)) { () throws(SystemError) -> LeaseReport? in
                let report = try Leases.report(interface)
                if report.state == .stopped { throw .interrupted }  // somebody released it meanwhile
                return report.state.hasLease ? report : nil
            }
        } catch .timedOut {
            throw problem(interface)
        }
    }

    private static func problem(_ interface: Int) -> SystemError {
        switch Network.onStack({ $0.withInterface(interface) { $0.dhcp.problem } }) ?? nil {
        case .conflict: .addressInUse
        case .refusal: .connectionRefused
        default: .timedOut
        }
    }

    /// Gives the lease back, and the address up.
    static func release(_ interface: Int) throws(SystemError) {
        try Network.withStack { (stack) throws(SystemError) in
            guard stack.releaseDHCP(interface, now: Clock.now) else { throw .networkDown }
        }
    }

    /// Sleeps while an address that a packet to this destination needs may come at any moment: shortly after start.
    static func awaitAddress(for destination: IPv4Address) throws(SystemError) {
        guard Clock.nanoseconds < mayBeAwaitedUntil.load(ordering: .relaxed), let end = worthWaiting(destination) else { return }
        do throws(SystemError) {
            try waiters.wait(until: Clock.ticks(at: end)) { () throws(SystemError) -> Void? in
                worthWaiting(destination) == nil ? () : nil
            }
        } catch .timedOut {}  // what was to be sent then fails as it would have failed at once
    }

    private static func worthWaiting(_ destination: IPv4Address) -> Instant? {
        Network.onStack { $0.leaseWait(to: destination, now: Clock.now) } ?? nil
    }

    // MARK: Reports

    static func report(_ interface: Int) throws(SystemError) -> LeaseReport {
        let report = Network.onStack { stack in
            stack.withInterface(interface) { Leases.report($0, now: Clock.now) }
        }
        guard let report = report ?? nil else { throw .networkDown }
        return report
    }

    private static func report(_ interface: borrowing NetworkInterface<Card>, now: Instant) -> LeaseReport {
        var report = LeaseReport()
        let dhcp = interface.dhcp
        report.state = LeaseReport.State(rawValue: dhcp.state.rawValue) ?? .stopped
        report.address = interface.address.bits
        report.prefixLength = interface.prefixLength
        report.router = interface.gateway?.bits ?? 0
        guard dhcp.state.hasLease, let lease = dhcp.lease else { return report }
        report.server = lease.server.bits
        for index in 0..<lease.nameServers.count { report.addNameServer(lease.nameServers[index].bits) }
        for index in 0..<lease.domain.count { report.addDomain(lease.domain[index]) }
        report.leaseTime = lease.leaseTime
        report.renewalTime = lease.renewalTime
        report.rebindingTime = lease.rebindingTime
        report.secondsLeft = seconds(until: dhcp.expiresAt, now)
        report.secondsToRenewal = seconds(until: dhcp.renewsAt, now)
        report.secondsToRebinding = seconds(until: dhcp.rebindsAt, now)
        return report
    }

    private static func seconds(until instant: Instant, _ now: Instant) -> UInt32 {
        instant == .never ? LeaseReport.forEver : UInt32(clamping: (instant - now).seconds)
    }
}
