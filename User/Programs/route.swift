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
        var arguments = arguments
        arguments.takeOptions(usage) { _, _ in false }
        do throws(SystemError) {
            if arguments.count == 0 {
                try show()
                return 0
            }
            guard arguments.count >= 2 else { Arguments.refuse("a network is wanted", usage) }
            let (destination, prefixLength) = network(arguments[1])
            if arguments[0] == "add" {
                try add(destination, prefixLength, arguments.dropFirst(2))
            } else if arguments[0] == "delete", arguments.count == 2 {
                try System.change(
                    .deleteRoute,
                    RouteReport(destination: destination, prefixLength: prefixLength, router: 0, interface: RouteReport.anyInterface))
            } else {
                Arguments.refuse("what is asked for is add or delete", usage)
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

    private static func network(_ text: CString) -> (UInt32, Int) {
        if text == "default" { return (0, 0) }
        guard let (address, prefixLength) = parseNetwork(text, standard: 32) else { fail("\(text): not a network such as 10.0.3.0/24") }
        return (address, prefixLength)
    }

    private static func add(_ destination: UInt32, _ prefixLength: Int, _ way: Arguments) throws(SystemError) {
        var router: UInt32 = 0
        var interface = RouteReport.anyInterface
        if way.count == 2, way[0] == "-i" {
            guard let found = try allInterfaces().named(way[1]) else { fail("\(way[1]): no such interface") }
            interface = UInt8(truncatingIfNeeded: found.number)
        } else if way.count == 1, let address = parseAddress(way[0]) {
            router = address
        } else {
            Arguments.refuse("a router's address, or -i and an interface, is wanted", usage)
        }
        try System.change(
            .addRoute, RouteReport(destination: destination, prefixLength: prefixLength, router: router, interface: interface))
    }

    private static func show() throws(SystemError) {
        let interfaces = try allInterfaces()
        print("destination         router           interface")
        try System.forEach(.routes, RouteReport(destination: 0, prefixLength: 0, router: 0, interface: 0)) { route in
            let destination: Text = route.prefixLength == 0 ? "default" : "\(address: route.destination)/\(route.prefixLength)"
            let router: Text = route.router == 0 ? "on the link" : "\(address: route.router)"
            let byHand: StaticString = route.isStatic ? " by hand" : ""
            print("\(padded(destination, 20))\(padded(router, 17))\(interfaces.name(of: route.interface))\(byHand)")
        }
    }
}
