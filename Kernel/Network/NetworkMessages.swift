// What the kernel says about the network on its own: links, faults, addresses that another station has too.

import Drivers
import NetStack

extension Network {
    @inline(never)
    static func reportLink(_ id: InterfaceID) {
        let isUp = onStack { $0.withInterface(id) { $0.isLinkUp } } ?? nil
        let state: StaticString = isUp == true ? "up" : "down"
        kprint("\(interface: id): link \(state)\n")
    }

    /// Prints the drivers' fault messages.
    @inline(never)
    static func printFaults() {
        for index in 0..<StackLimit.cards {
            let id = InterfaceID.card(index)
            reportConflict(id)
            guard let message = onStack({ $0.withDevice(id) { $0.takeFaultMessage() } }), let text = message ?? nil
            else { continue }
            kprint("\(interface: id): \(text)\n")
        }
    }

    /// Another station has an interface's address.
    @inline(never)
    private static func reportConflict(_ id: InterfaceID) {
        var address = IPv4Address.any
        let rival = onStack { stack -> EthernetAddress? in
            let rival = stack.withInterface(id) { interface -> EthernetAddress? in
                address = interface.address
                return interface.takeConflict()
            }
            return rival ?? nil
        }
        guard let rival = rival ?? nil else { return }
        kprint("\(interface: id): \(address: address) is the address of \(ethernet: rival) too\n")
    }
}

extension KernelMessage.StringInterpolation {
    mutating func appendInterpolation(address: IPv4Address) {
        for shift in stride(from: UInt32(24), through: 0, by: -8) {
            appendInterpolation(address.bits >> shift & 255)
            if shift > 0 { appendLiteral(".") }
        }
    }

    mutating func appendInterpolation(ethernet address: EthernetAddress) {
        for index in 0..<6 {
            if index > 0 { appendLiteral(":") }
            appendInterpolation(hexByte: address[index])
        }
    }
}
