// route: shows and changes where packets go.

import SystemInterface
import UserLibrary

@main enum RouteProgram: Program {
    static let usage: StaticString = """
        usage: route
               route add network[/prefix]|default router
               route add network[/prefix] -i interface
               route delete network[/prefix]|default
        Shows the route table, the most specific route first, or changes it. A network without a prefix length is one host.
        Routes by hand stay until the interface loses its address.
        """

    static func run(_ arguments: Arguments) -> Int32 {
        do throws(SystemError) {
            if arguments.count == 0 {
                try show()
                return 0
            }
            guard arguments.count >= 2 else { arguments.refuse("a network is needed") }
            let (destination, prefixLength) = network(arguments[1])
            if arguments[0] == "add" {
                try add(destination, prefixLength, arguments.dropFirst(2))
            } else if arguments[0] == "delete", arguments.count == 2 {
                try System.change(
                    .deleteRoute,
                    RouteReport(
                        destination: destination, prefixLength: prefixLength, router: .none,
                        interface: RouteReport.anyInterface))
            } else {
                arguments.refuse("the command is add or delete")
            }
            return 0
        } catch .noSuchFile {
            fail("\(arguments[1]): no such route")
        } catch .fileExists {
            fail("\(arguments[1]): there is such a route already")
        } catch .noBufferSpace {
            fail("the route table is full")
        } catch .invalidArgument {
            fail("\(arguments[1]): bits are set beyond the prefix, or the router is not a neighbour")
        } catch {
            fail("\(error)")
        }
    }

    /// The network, and the length of its prefix in 128 bits.
    private static func network(_ text: CString) -> (NetworkAddress, UInt8) {
        if text == "default" { return (NetworkAddress(ipv4: 0), 96) }
        guard let (address, prefixLength) = parseNetwork(text, standard: 32) else {
            fail("\(text): not a network such as 10.0.3.0/24")
        }
        return (address, UInt8(96 + prefixLength))
    }

    private static func add(_ destination: NetworkAddress, _ prefixLength: UInt8, _ way: Arguments) throws(SystemError)
    {
        var router = NetworkAddress.none
        var interface = RouteReport.anyInterface
        if way.count == 2, way[0] == "-i" {
            guard let found = try allInterfaces().named(way[1]) else { fail("\(way[1]): no such interface") }
            interface = found.number
        } else if way.count == 1, let address = parseAddress(way[0]) {
            router = address
        } else {
            way.refuse("a router's address, or -i and an interface, is needed")
        }
        try System.change(
            .addRoute,
            RouteReport(destination: destination, prefixLength: prefixLength, router: router, interface: interface))
    }

    private static func show() throws(SystemError) {
        let interfaces = try allInterfaces()
        print("destination         router           interface")
        try System.forEach(.routes, RouteReport(destination: .none, prefixLength: 0, router: .none, interface: 0)) {
            route in
            let length = route.destination.ipv4 == nil ? route.prefixLength : route.prefixLength - 96
            let destination: Text = length == 0 ? "default" : "\(address: route.destination)/\(length)"
            let router: Text = route.router == .none ? "on the link" : "\(address: route.router)"
            let byHand: StaticString = route.isStatic ? " by hand" : ""
            print("\(padded(destination, 20))\(padded(router, 17))\(interfaces.name(of: route.interface))\(byHand)")
        }
    }
}
