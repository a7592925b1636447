// arp: shows which Ethernet address the neighbours have, and makes the kernel ask anew.

import SystemInterface
import UserLibrary

@main enum ARPProgram: Program {
    static let usage: StaticString = """
        usage: arp
               arp -d address
        Shows the neighbours that the kernel knows or asks for. -d forgets one, so that it is asked for again.
        """

    static func run(_ arguments: Arguments) -> Int32 {
        var arguments = arguments
        var forgets = false
        arguments.takeOptions(usage) { letter, _ in
            forgets = true
            return letter == UInt8(ascii: "d")
        }
        guard arguments.count == (forgets ? 1 : 0) else { Arguments.refuse("-d wants one address, and nothing else does", usage) }
        do throws(SystemError) {
            if forgets {
                guard let address = parseAddress(arguments[0]) else { fail("\(arguments[0]): not an IPv4 address such as 10.0.2.2") }
                try System.change(.deleteNeighbour, NeighbourReport(address: address))
            } else {
                try show()
            }
            return 0
        } catch .noSuchFile {
            fail("\(arguments[0]): not among the neighbours")
        } catch {
            fail("\(error)")
        }
    }

    private static func show() throws(SystemError) {
        let interfaces = try allInterfaces()
        print("address          ether              interface  state")
        try System.forEach(.neighbours, NeighbourReport(address: 0)) { neighbour in
            let hardware = neighbour.isKnown ? ethernetText(neighbour.hardware) : "-"
            var state: Text = "asking"
            if neighbour.isKnown { state = neighbour.secondsLeft > 0 ? "for \(neighbour.secondsLeft) s more" : "being checked" }
            let name = interfaces.name(of: neighbour.interface)
            print("\(padded("\(address: neighbour.address)", 17))\(padded(hardware, 19))\(padded(name, 11))\(state)")
        }
    }
}
