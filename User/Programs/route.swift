// route: shows and changes where packets go.

import SystemInterface
import UserLibrary

@main enum RouteProgram: Program {
    static let usage: StaticString = """
        usage: route [-n]
               route add [-net | -host] network[/prefix]|default [gw] router
               route add [-net | -host] network[/prefix]|default -i interface
               route del [-net | -host] network[/prefix]|default
        Shows the route table, the most specific route first, or changes it. A network without a prefix length is one host; a
        mask may stand behind it instead (netmask 255.255.255.0). -i may be written dev; del delete. -n does nothing: names are
        never looked up. Routes by hand stay until the interface loses its address.
        """
    static let options: StaticString? = nil

    static func run(_ arguments: Arguments) -> Int32 {
        do throws(SystemError) {
            if arguments.count == 0 || (arguments.count == 1 && arguments[0] == "-n") {
                try showRoutes()
                return 0
            }
            let command = arguments[0]
            guard command == "add" || command == "del" || command == "delete" else {
                arguments.refuse("the command is add or del")
            }
            let route = try parse(arguments.dropFirst(1))
            if command == "add" {
                guard route.router != .none || route.interface != RouteReport.anyInterface else {
                    arguments.refuse("a router's address, or -i and an interface, is needed")
                }
                try System.change(.addRoute, route)
            } else {
                try System.change(.deleteRoute, route)
            }
            return 0
        } catch .noSuchFile {
            fail("no such route")
        } catch .fileExists {
            fail("there is such a route already")
        } catch .noBufferSpace {
            fail("the route table is full")
        } catch .invalidArgument {
            fail("the network has bits beyond its prefix, or the router is not a neighbour")
        } catch {
            fail("\(error)")
        }
    }

    /// The words behind the command, in the order in which route of other systems takes them.
    private static func parse(_ words: Arguments) throws(SystemError) -> RouteReport {
        var index = 0
        if words.count > 0, words[0] == "-net" || words[0] == "-host" { index = 1 }
        guard index < words.count else { words.refuse("a network is needed") }
        var route = RouteReport(
            destination: .none, prefixLength: 96, router: .none, interface: RouteReport.anyInterface)
        if words[index] == "default" {
            route.destination = NetworkAddress(ipv4: 0)
        } else {
            guard let (address, length) = parseNetwork(words[index], standard: 32) else {
                fail("\(words[index]): not a network such as 10.0.3.0/24")
            }
            (route.destination, route.prefixLength) = (address, UInt8(96 + length))
        }
        index += 1
        while index < words.count {
            let word = words[index]
            index += 1
            if word == "netmask" || word == "gw" || word == "-i" || word == "dev" {
                guard index < words.count else { words.refuse("\(word) needs a value") }
                let value = words[index]
                index += 1
                if word == "netmask" {
                    guard let mask = parseAddress(value)?.ipv4, ~mask & (~mask &+ 1) == 0 else {
                        fail("\(value): not a mask such as 255.255.255.0")
                    }
                    route.prefixLength = UInt8(96 + mask.nonzeroBitCount)
                } else if word == "gw" {
                    route.router = router(value)
                } else {
                    guard let found = try allInterfaces().named(value) else { fail("\(value): no such interface") }
                    route.interface = found.number
                }
            } else {
                guard route.router == .none else { words.refuse("unexpected word: \(word)") }
                route.router = router(word)
            }
        }
        return route
    }

    private static func router(_ text: CString) -> NetworkAddress {
        guard let address = parseAddress(text) else { fail("\(text): not an address such as 10.0.2.2") }
        return address
    }
}
