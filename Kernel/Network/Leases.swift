// DHCP in the kernel: the threads that wait for an address, and what a lease looks like to a program. The stack has the
// client itself.

import Drivers
import Machine
import NetStack
import Synchronization
import SystemInterface

enum Leases {
    /// All threads that wait for some interface's address.
    private static let waiters = WaitQueue()

    /// The instant (nanoseconds) until which the stack need be asked at all whether a lease is worth waiting for.
    private static let mayBeAwaitedUntil = Atomic<UInt64>(0)

    /// The state or the lease of an interface has changed.
    static func wake() {
        mayBeAwaitedUntil.store((Clock.now + Stack.leaseHope).nanoseconds, ordering: .relaxed)
        waiters.wakeAll()
    }

    /// Asks for an address, unless that is under way, and sleeps until there is one or the time has passed: then throws
    /// why there is none.
    static func request(_ interface: Int, timeout: Duration) throws(SystemError) -> LeaseReport {
        try Network.withStack { (stack) throws(SystemError) in
            guard interface >= 0, stack.withDevice(.card(interface), { $0.isLinkUp }) == true else {
                throw .networkDown
            }
            stack.startDHCP(.card(interface), now: Clock.now)
        }
        do throws(SystemError) {
            return try waiters.wait(until: Clock.ticks(after: timeout)) { () throws(SystemError) -> LeaseReport? in
                let report = try Leases.report(interface)
                if report.state == .stopped { throw .interrupted }  // it was released meanwhile
                return report.state.hasLease ? report : nil
            }
        } catch .timedOut {
            throw problem(interface)
        }
    }

    private static func problem(_ interface: Int) -> SystemError {
        switch Network.onStack({ $0.withInterface(.card(interface)) { $0.dhcp.problem } }) ?? nil {
        case .conflict: .addressInUse
        case .refusal: .connectionRefused
        default: .timedOut
        }
    }

    /// Gives the lease back, and the address up.
    static func release(_ interface: Int) throws(SystemError) {
        try Network.withStack { (stack) throws(SystemError) in
            guard interface >= 0, stack.releaseDHCP(.card(interface), now: Clock.now) else { throw .networkDown }
        }
    }

    /// Sleeps while an address that a packet to this destination needs may come at any moment: shortly after start.
    static func awaitAddress(for destination: IPAddress) throws(SystemError) {
        guard Clock.nanoseconds < mayBeAwaitedUntil.load(ordering: .relaxed), let end = worthWaiting(destination) else {
            return
        }
        do throws(SystemError) {
            try waiters.wait(until: Clock.ticks(at: end)) { () throws(SystemError) -> Void? in
                worthWaiting(destination) == nil ? () : nil
            }
        } catch .timedOut {}  // what was to be sent then fails as it would have failed at once
    }

    private static func worthWaiting(_ destination: IPAddress) -> Instant? {
        Network.onStack { $0.leaseWait(to: destination, now: Clock.now) } ?? nil
    }

    // MARK: Reports

    static func report(_ interface: Int) throws(SystemError) -> LeaseReport {
        guard interface >= 0, interface < StackLimit.cards else { throw .networkDown }
        let report = Network.onStack { stack in
            stack.withInterface(.card(interface)) { Leases.report($0, now: Clock.now) }
        }
        guard let report = report ?? nil else { throw .networkDown }
        return report
    }

    private static func report(_ interface: borrowing NetworkInterface, now: Instant) -> LeaseReport {
        var report = LeaseReport()
        let dhcp = interface.dhcp
        report.state = LeaseReport.State(rawValue: dhcp.state.rawValue) ?? .stopped
        report.address = NetworkAddress(interface.address)
        report.prefixLength = UInt8(truncatingIfNeeded: interface.prefixLength)
        report.router = NetworkAddress(interface.gateway ?? .any)
        report.problem = LeaseReport.Problem(rawValue: dhcp.problem.rawValue) ?? .none
        report.flaw = LeaseReport.Flaw(rawValue: dhcp.flaw.rawValue) ?? .none
        report.flawCount = dhcp.flawCount
        guard dhcp.state.hasLease, let lease = dhcp.lease else { return report }
        report.server = NetworkAddress(lease.server)
        for index in 0..<lease.nameServers.count { report.addNameServer(NetworkAddress(lease.nameServers[index])) }
        for index in 0..<lease.domains.count { report.addDomain(lease.domains[index]) }
        for index in 0..<lease.timeServers.count { report.addTimeServer(NetworkAddress(lease.timeServers[index])) }
        report.mtu = UInt32(lease.mtu ?? 0)
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
