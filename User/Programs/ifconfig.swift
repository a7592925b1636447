// ifconfig: shows network interfaces, and gives one an address by hand.

import SystemInterface
import UserLibrary

@main enum InterfaceConfiguration: Program {
    static let usage: StaticString = """
        usage: ifconfig [-a] [interface]
               ifconfig interface [address[/prefix] [router]] [netmask mask] [mtu bytes] [up | down]
                        [-]txcsum [-]rxcsum [-]tso [-]lro
               ifconfig interface delete
        Shows all interfaces, or one: flags, addresses, driver and place, capabilities, counters. With an address it is given to
        the interface, and DHCP leaves that alone; the prefix length is 24 if neither it nor a mask is given. mtu sets the most
        bytes of a packet (0: as card and lease have it); down lets nothing in or out until up. delete takes the address away.
        txcsum, rxcsum, tso and lro leave to the card the checksums of what is sent and received, the cutting of large segments
        that are sent, and the putting together of those received; with - in front they do not.
        Exit status 1 if there is no such interface or a value is wrong.
        """
    static let options: StaticString? = "a"

    static func run(_ arguments: Arguments) -> Int32 {
        do throws(SystemError) {
            let interfaces = try allInterfaces()
            guard arguments.count > 0 else {
                for interface in interfaces { show(interface) }
                return 0
            }
            guard let interface = interfaces.named(arguments[0]) else { fail("\(arguments[0]): no such interface") }
            if arguments.count == 1 { show(interface) } else { try change(interface, arguments.dropFirst(1)) }
            return 0
        } catch .invalidArgument {
            fail("the address must be one host's, and the router another host of the same network")
        } catch {
            fail("\(error)")
        }
    }

    private static func change(_ interface: InterfaceReport, _ words: Arguments) throws(SystemError) {
        guard !interface.flags.contains(.loopback) else { fail("the loopback stays as it is") }
        var wanted = InterfaceReport()
        wanted.number = interface.number
        var mask: UInt32?
        var mtu: UInt64?
        var isUp: Bool?
        var offloads = interface.capabilities
        var hasAddress = false
        var hasPrefix = false
        var index = 0
        while index < words.count {
            let word = words[index]
            index += 1
            if word == "delete" {
                guard words.count == 1 else { words.refuse("no word may stand beside delete") }
                return try System.change(.setAddress, wanted)
            } else if word == "up" || word == "down" {
                isUp = word == "up"
            } else if let (offload, isOn) = parseOffload(word) {
                guard !isOn || interface.cardCapabilities.contains(offload) else {
                    fail("\(word): the card of \(interface.nameText) cannot")
                }
                if isOn { offloads.insert(offload) } else { offloads.remove(offload) }
            } else if word == "netmask" || word == "mtu" {
                guard index < words.count else { words.refuse("\(word) needs a value") }
                let value = words[index]
                index += 1
                if word == "netmask" { mask = parseMask(value) } else { mtu = parseMTU(value, interface) }
            } else if !hasAddress, let (address, prefixLength) = parseNetwork(word, standard: 0) {
                hasAddress = true
                hasPrefix = word.bytes.contains(0x2f)
                wanted.address = address
                wanted.prefixLength = UInt8(hasPrefix ? prefixLength : 24)
            } else if hasAddress, wanted.router == .none, let router = parseAddress(word) {
                wanted.router = router
            } else {
                fail("\(word): not an address such as 10.0.2.15/24, nor netmask, mtu, up, down, an offload or delete")
            }
        }
        if let mask {
            guard !hasPrefix else { words.refuse("a prefix length and a mask exclude each other") }
            if !hasAddress {
                guard interface.address != .none else { fail("\(interface.nameText): has no address for a mask") }
                (wanted.address, wanted.router, hasAddress) = (interface.address, interface.router, true)
            }
            wanted.prefixLength = UInt8(mask.nonzeroBitCount)
        }
        if hasAddress {
            refuseWrong(wanted)
            try System.change(.setAddress, wanted)
        }
        if let mtu {
            wanted.mtu = mtu
            try System.change(.setMTU, wanted)
        }
        if offloads != interface.capabilities { try use(offloads, interface) }
        if let isUp { try System.change(isUp ? .setUp : .setDown, wanted) }
    }

    private static func use(_ offloads: InterfaceReport.Capabilities, _ interface: InterfaceReport) throws(SystemError)
    {
        var wanted = InterfaceReport()
        wanted.number = interface.number
        wanted.capabilities = offloads
        do throws(SystemError) {
            try System.change(.setOffloads, wanted)
        } catch .notSupported {
            fail("\(interface.nameText): its card does not switch that while it runs; boot with vt-without=guest_tso4")
        }
    }

    /// The offload that a word names, and whether it is to be on.
    private static func parseOffload(_ word: CString) -> (InterfaceReport.Capabilities, isOn: Bool)? {
        if word == "txcsum" || word == "-txcsum" { return (.checksumOut, word == "txcsum") }
        if word == "rxcsum" || word == "-rxcsum" { return (.checksumIn, word == "rxcsum") }
        if word == "tso" || word == "-tso" { return (.segmentation, word == "tso") }
        if word == "lro" || word == "-lro" { return (.largeReceive, word == "lro") }
        return nil
    }

    /// A network's own address and its broadcast address are no host's; with /31 and /32 there are neither (RFC 3021).
    private static func refuseWrong(_ wanted: InterfaceReport) {
        guard let address = wanted.address.ipv4 else { return }
        let hostBits = wanted.prefixLength == 0 ? .max : UInt32.max >> UInt32(wanted.prefixLength)
        guard wanted.prefixLength > 0 else { fail("a network of all addresses is none") }
        if wanted.prefixLength < 31, address & hostBits == 0 { fail("\(address: address): the address of the network") }
        if wanted.prefixLength < 31, address & hostBits == hostBits {
            fail("\(address: address): the broadcast address of the network")
        }
    }

    private static func parseMask(_ text: CString) -> UInt32 {
        guard let mask = parseAddress(text)?.ipv4, ~mask & (~mask &+ 1) == 0, mask != 0 else {
            fail("\(text): not a mask such as 255.255.255.0")
        }
        return mask
    }

    private static func parseMTU(_ text: CString, _ interface: InterfaceReport) -> UInt64 {
        let most = interface.greatestMTU
        guard let value = text.number, value == 0 || (value >= 68 && value <= Int(most)) else {
            fail("mtu \(text): a number from 68 to \(most), or 0, is wanted")
        }
        return UInt64(value)
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
        name(.held, "HELD")
        print("\(interface.nameText): flags=\(hex: UInt64(flags.rawValue), digits: 4)<\(names)> mtu \(interface.mtu)")
        if !flags.contains(.loopback) { print("        ether \(interface.hardwareText)") }
        if let address = interface.address.ipv4 {
            let mask = interface.prefixLength == 0 ? 0 : UInt32.max << UInt32(32 - min(32, interface.prefixLength))
            var line: Text = "        inet \(address: address) netmask \(address: mask)"
            if flags.contains(.broadcast), interface.prefixLength < 31 {
                line = "\(line) broadcast \(address: address | ~mask)"
            }
            print(line)
        }
        if let device = interface.deviceText { print("        \(device)") }
        if !flags.contains(.loopback) {
            print("        media: \(flags.contains(.running) ? "link up" : "no link" as StaticString)")
        }
        if interface.queuePairs > 1 { print("        queues: \(interface.queuePairs) pairs") }
        if !interface.capabilities.isEmpty { print("        options=<\(options(interface.capabilities))>") }
        let unused = interface.cardCapabilities.subtracting(interface.capabilities)
        if !unused.isEmpty { print("        off=<\(options(unused))>") }
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
        name(.largeReceive, "LRO")
        name(.mergedBuffers, "MRG_RXBUF")
        name(.receiveFilter, "RXFILTER")
        name(.splitRings, "SPLIT")
        name(.packedRings, "PACKED")
        name(.eventIndex, "EVENT_IDX")
        name(.indirectDescriptors, "INDIRECT_DESC")
        return text
    }
}
