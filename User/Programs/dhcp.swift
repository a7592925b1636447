// dhcp: asks a server for the interface's address, shows what it granted, or gives it back.

import SystemInterface
import UserLibrary

@main enum DHCP: Program {
    static let usage: StaticString = """
        usage: dhcp [-s | -r] [-i interface] [-W seconds]
        Gets an address for an interface from a DHCP server, and shows it. The lease is renewed in the background.
          -s  only show the state
          -r  release: give the address back to the server
          -i  the interface's name (the first one)
          -W  give up after so many seconds (10)
        The exit status is 0 when the interface has an address (with -r: none any more), else 1.
        """
    static let options: StaticString? = "sri:W:"

    static func run(_ arguments: Arguments) -> Int32 {
        let (isQuestion, isRelease) = (arguments.has("s"), arguments.has("r"))
        let wanted = arguments.value("i")
        let milliseconds = arguments.milliseconds("W") ?? 10_000
        guard arguments.count == 0, !(isQuestion && isRelease) else {
            arguments.refuse("there are no arguments, and -s and -r exclude each other")
        }
        do throws(SystemError) {
            let interfaces = try allInterfaces()
            let found = wanted.map { interfaces.named($0) } ?? interfaces.first
            if let wanted, found == nil { fail("\(wanted): no such interface") }
            guard let found, !found.flags.contains(.loopback) else {
                fail("there is no network card (lspci shows what there is on PCI)")
            }
            let interface = Interface(number: Int32(found.number), name: found.nameText)
            return try run(interface, isQuestion: isQuestion, isRelease: isRelease, milliseconds: milliseconds)
        } catch {
            fail("\(error)")
        }
    }

    private struct Interface {
        let number: Int32
        let name: Text
    }

    private static func run(
        _ interface: Interface, isQuestion: Bool, isRelease: Bool, milliseconds: Int32
    ) throws(SystemError) -> Int32 {
        do throws(SystemError) {
            if isRelease {
                try System.releaseLease(interface.number)
                return 0
            }
            if isQuestion { return show(try System.lease(interface.number), interface) }
            return show(try System.requestLease(interface.number, milliseconds: milliseconds), interface)
        } catch .timedOut {
            complain("\(interface.name): no lease in time (\(progress(interface))); asking goes on in the background")
        } catch .connectionRefused {
            complain(
                "\(interface.name): the server refused the address (\(progress(interface))); asking goes on in the background"
            )
        } catch .addressInUse {
            complain(
                "\(interface.name): another station uses the address that the server gave; asking goes on in the background"
            )
        }
        return 1
    }

    private static func show(_ report: LeaseReport, _ interface: Interface) -> Int32 {
        print("\(interface.name): \(name(of: report))")
        guard report.address != .none else { return 1 }
        print("  address      \(address: report.address)/\(report.prefixLength)")
        print(
            "  mask         \(address: report.prefixLength == 0 ? 0 : UInt32.max << UInt32(32 - min(32, report.prefixLength)))"
        )
        if report.router != .none { print("  router       \(address: report.router)") }
        guard report.state.hasLease else { return 0 }
        for index in 0..<Int(report.nameServerCount) { print("  name server  \(address: report.nameServer(index))") }
        if report.domainCount > 0 {
            var domain = Text()
            for index in 0..<Int(report.domainCount) { domain.bytes.append(report.domain(index)) }
            print(domain.bytes.contains(0x20) ? "  search       \(domain)" : "  domain       \(domain)")
        }
        for index in 0..<Int(report.timeServerCount) { print("  time server  \(address: report.timeServer(index))") }
        if report.mtu > 0 { print("  mtu          \(report.mtu)") }
        print("  server       \(address: report.server)")
        print("  lease        \(time(report.leaseTime)), \(time(report.secondsLeft)) left")
        print("  renewal      after \(time(report.renewalTime)), in \(time(report.secondsToRenewal))")
        print("  rebinding    after \(time(report.rebindingTime)), in \(time(report.secondsToRebinding))")
        return 0
    }

    /// What the client is at, and what was wrong with the replies that it could not use.
    private static func progress(_ interface: Interface) -> Text {
        do throws(SystemError) {
            let report = try System.lease(interface.number)
            let state: Text = "\(name(of: report))"
            guard report.flawCount > 0 else { return state }
            let replies: StaticString = report.flawCount == 1 ? "reply" : "replies"
            return "\(state); \(report.flawCount) \(replies) refused: \(report.flaw.message)"
        } catch {
            return "\(error)"
        }
    }

    private static func name(of report: LeaseReport) -> StaticString {
        switch report.state {
        case .stopped: report.address == .none ? "no address" : "configured by hand"
        case .initial: "about to ask"
        case .selecting: "asking for a server"
        case .requesting: "asking for an address"
        case .probing: "checking the address"
        case .bound: "bound"
        case .renewing: "renewing"
        case .rebinding: "rebinding"
        case .rebooting: "asking whether the address is still right"
        }
    }

    private static func time(_ seconds: UInt32) -> Text { seconds == LeaseReport.forEver ? "for ever" : "\(seconds) s" }
}
