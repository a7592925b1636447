// arp: shows which Ethernet addresses the neighbours have, makes them known by hand, and makes the kernel ask anew.

import SystemInterface
import UserLibrary

@main enum ARPProgram: Program {
    static let usage: StaticString = """
        usage: arp [-a] [-n]
               arp -d address
               arp -s address ether
        Shows the neighbours: their Ethernet addresses, and their states (RFC 4861, 7.3.2).
          -a  shows them all, as without it; -n does nothing: names are never looked up
          -d  forgets a neighbour, so that it is asked for again
          -s  makes a neighbour known by hand, until it is forgotten by hand: arp -s 10.0.2.9 52:54:00:12:34:56
        """
    static let options: StaticString? = "adns"

    static func run(_ arguments: Arguments) -> Int32 {
        let (forgets, sets) = (arguments.has("d"), arguments.has("s"))
        guard !(forgets && sets), arguments.count == (forgets ? 1 : sets ? 2 : 0) else {
            arguments.refuse(
                "-d takes an address, -s an address and an Ethernet address; without them there are no arguments")
        }
        do throws(SystemError) {
            if forgets {
                try System.change(.deleteNeighbour, NeighbourReport(address: address(arguments[0])))
            } else if sets {
                guard let hardware = parseEthernetAddress(arguments[1]) else {
                    fail("\(arguments[1]): not an Ethernet address such as 52:54:00:12:34:56")
                }
                try System.change(.addNeighbour, NeighbourReport(address: address(arguments[0]), hardware: hardware))
            } else {
                try show()
            }
            return 0
        } catch .noSuchFile {
            fail("\(arguments[0]): not among the neighbours")
        } catch .invalidArgument {
            fail("\(arguments[1]): the Ethernet address of a group, or of no station")
        } catch .noBufferSpace {
            fail("\(arguments[0]): not on the network of an interface, or too many entries were made by hand")
        } catch {
            fail("\(error)")
        }
    }

    private static func address(_ text: CString) -> NetworkAddress {
        guard let address = parseAddress(text) else { fail("\(text): not an IPv4 address such as 10.0.2.2") }
        return address
    }

    private static func show() throws(SystemError) {
        let interfaces = try allInterfaces()
        print("address          ether              interface  state")
        try System.forEach(.neighbours, NeighbourReport(address: .none)) { neighbour in
            let hardware = neighbour.state == .incomplete ? "-" : ethernetText(neighbour.hardware)
            let name = interfaces.name(of: neighbour.interface)
            print(
                "\(padded("\(address: neighbour.address)", 17))\(padded(hardware, 19))\(padded(name, 11))\(state(neighbour))"
            )
        }
    }

    private static func state(_ neighbour: NeighbourReport) -> Text {
        switch neighbour.state {
        case .incomplete: "incomplete"
        case .reachable: "reachable, \(neighbour.secondsLeft) s"
        case .stale: "stale"
        case .delay: "delay"
        case .probe: "probe"
        case .permanent: "permanent"
        }
    }
}
