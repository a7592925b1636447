// ifconfig: shows network interfaces, and gives one an address by hand.

import SystemInterface
import UserLibrary

@main enum InterfaceConfiguration: Program {
    static let usage: StaticString = """
        usage: ifconfig [interface]
               ifconfig interface address[/prefix] [router]
               ifconfig interface delete
        Shows all interfaces, or one: flags, addresses, driver and place, capabilities,
        counters. With an address it is given to the interface,
        and DHCP leaves that alone; the prefix length is 24 if not given. delete takes the address away.
        Exit status 1 if there is no such interface or the address is malformed.
        """

    static func run(_ arguments: Arguments) -> Int32 {
        do throws(SystemError) {
            let interfaces = try allInterfaces()
            guard arguments.count > 0 else {
                for interface in interfaces { show(interface) }
                return 0
            }
            guard let interface = interfaces.named(arguments[0]) else { fail("\(arguments[0]): no such interface") }
            switch arguments.count {
            case 1: show(interface)
            case 2, 3: try configure(interface, arguments.dropFirst(1))
            default: arguments.refuse("too many arguments")
            }
            return 0
        } catch .invalidArgument {
            fail("the router must be another host of the same network")
        } catch {
            fail("\(error)")
        }
    }

    private static func configure(_ interface: InterfaceReport, _ arguments: Arguments) throws(SystemError) {
        guard !interface.flags.contains(.loopback) else { fail("the loopback keeps its address") }
        var wanted = InterfaceReport()
        wanted.number = interface.number
        if arguments[0] == "delete" {
            guard arguments.count == 1 else { arguments.refuse("no word may follow delete") }
        } else {
            guard let (address, prefixLength) = parseNetwork(arguments[0], standard: 24) else {
                fail("\(arguments[0]): not an address such as 10.0.2.15/24")
            }
            wanted.address = address
            wanted.prefixLength = UInt8(prefixLength)
            if arguments.count > 1 {
                guard let router = parseAddress(arguments[1]) else {
                    fail("\(arguments[1]): not an address such as 10.0.2.2")
                }
                wanted.router = router
            }
        }
        try System.change(.setAddress, wanted)
    }

    private static func show(_ interface: InterfaceReport) {
        let flags = interface.flags
        var names = Text()
        func name(_ flag: InterfaceReport.Flags, _ text: StaticString) {
            guard flags.contains(flag) else { return }
            if !names.bytes.isEmpty { names.bytes.append(44) }
            names = "\(names)\(text)"
        }
        name(.up, "UP")
        name(.broadcast, "BROADCAST")
        name(.loopback, "LOOPBACK")
        name(.running, "RUNNING")
        name(.multicast, "MULTICAST")
        name(.dynamic, "DYNAMIC")
        print("\(interface.nameText): flags=\(hex: UInt64(flags.rawValue), digits: 4)<\(names)> mtu \(interface.mtu)")
        if !flags.contains(.loopback) { print("        ether \(interface.hardwareText)") }
        if let address = interface.address.ipv4 {
            let mask = interface.prefixLength == 0 ? 0 : UInt32.max << UInt32(32 - min(32, interface.prefixLength))
            var line: Text = "        inet \(address: address) netmask \(address: mask)"
            if flags.contains(.broadcast) { line = "\(line) broadcast \(address: address | ~mask)" }
            print(line)
        }
        if let device = interface.deviceText { print("        \(device)") }
        if !flags.contains(.loopback) {
            print("        media: \(flags.contains(.running) ? "link up" : "no link" as StaticString)")
        }
        if !interface.capabilities.isEmpty { print("        options=<\(options(interface.capabilities))>") }
        print("        in  \(interface.packetsIn) packets, \(interface.bytesIn) bytes, \(interface.drops) dropped")
        print("        out \(interface.packetsOut) packets, \(interface.bytesOut) bytes")
    }

    private static func options(_ capabilities: InterfaceReport.Capabilities) -> Text {
        var text = Text()
        func name(_ capability: InterfaceReport.Capabilities, _ name: StaticString) {
            guard capabilities.contains(capability) else { return }
            if !text.bytes.isEmpty { text.bytes.append(44) }
            text = "\(text)\(name)"
        }
        name(.checksumIn, "RXCSUM")
        name(.checksumOut, "TXCSUM")
        name(.segmentation, "TSO4")
        name(.mergedBuffers, "MRG_RXBUF")
        name(.receiveFilter, "RXFILTER")
        name(.eventIndex, "EVENT_IDX")
        name(.indirectDescriptors, "INDIRECT_DESC")
        return text
    }
}
