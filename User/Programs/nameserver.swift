// nameserver: shows which name servers are asked, and sets them by hand.

import SystemInterface
import UserLibrary

@main enum NameServer: Program {
    static let usage: StaticString = """
        usage: nameserver
               nameserver address [address [address]]
               nameserver -d
        Shows the servers that names are asked of, in their order, or sets up to three by hand, which then count instead of those
        of DHCP leases.
          -d  forgets those set by hand
        """
    static let options: StaticString? = "d"

    static func run(_ arguments: Arguments) -> Int32 {
        let forgets = arguments.has("d")
        guard arguments.count <= 3, !forgets || arguments.count == 0 else {
            arguments.refuse("up to three addresses, or -d alone, are taken")
        }
        var servers: [NetworkAddress] = []
        for index in 0..<arguments.count {
            guard let address = parseAddress(arguments[index]) else {
                fail("\(arguments[index]): not an IPv4 address such as 10.0.2.3")
            }
            servers.append(address)
        }
        do throws(SystemError) {
            guard forgets || !servers.isEmpty else { return try show() }
            try System.change(.clearNameServers, NameServerReport())
            for server in servers { try System.change(.addNameServer, NameServerReport(address: server)) }
            return 0
        } catch .invalidArgument {
            fail("the address of one host is needed")
        } catch {
            fail("\(error)")
        }
    }

    private static func show() throws(SystemError) -> Int32 {
        var isKnown = false
        try System.forEach(.nameServers, NameServerReport()) { server in
            isKnown = true
            print("\(address: server.address)\(server.isByHand ? " by hand" : " from a lease" as StaticString)")
        }
        if !isKnown { complain("no name server is known") }
        return isKnown ? 0 : 1
    }
}
