// fetch: a file from a web server.

import HTTP
import SystemInterface
import UserLibrary

@main enum Fetch: Program {
    static let usage: StaticString = """
        usage: fetch [-cq] [-o file] http://host[:port]/path
        Gets a file over HTTP/1.1 and writes it to a file that is called as the path ends, or to the one named.
          -o file  write there; - is standard output
          -c       go on with a file that is there in part
          -q       show no progress
        Follows up to five redirections. Exit status 0 when all of it came, else 1.
        """
    static let options: StaticString? = "cqo:"
    static let takesOptionsAnywhere = true

    static func run(_ arguments: Arguments) -> Int32 {
        guard arguments.count == 1 else { arguments.refuse("one address is needed") }
        guard var address = WebAddress([UInt8](arguments[0].bytes)) else {
            fail("\(arguments[0]): not an address like http://host/path (https is not spoken here)")
        }
        var name = arguments.value("o").map { [UInt8]($0.bytes) } ?? address.fileName
        if name == [UInt8(ascii: "-")] { name = [] }
        let isQuiet = arguments.has("q") || name.isEmpty
        for _ in 0...5 {
            var transfer = Transfer(address, name, resumes: arguments.has("c"), isQuiet: isQuiet)
            do throws(SystemError) {
                switch try transfer.run() {
                case .done: return 0
                case .failed(let reason): fail("\(arguments[0]): \(reason)")
                case .moved(let place):
                    guard let next = WebAddress(place, from: address) else {
                        fail("moved to an address that fetch cannot read")
                    }
                    address = next
                }
            } catch {
                fail("\(address.hostText): \(error)")
            }
        }
        fail("\(arguments[0]): too many redirections")
    }
}
