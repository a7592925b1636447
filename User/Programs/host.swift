// host: looks up the addresses of a name.

import SystemInterface
import UserLibrary

@main enum Host: Program {
    static let usage: StaticString = """
        usage: host [-W seconds] name
        Asks the name servers of the DHCP lease for the addresses of a name, and prints them. A name without a dot is first
        looked for in the lease's domain.
          -W  give up after so many seconds (15)
        Exit status 1 if there is none.
        """
    static let options: StaticString? = "W:"

    static func run(_ arguments: Arguments) -> Int32 {
        let milliseconds = arguments.milliseconds("W") ?? 15_000
        guard arguments.count == 1 else { arguments.refuse("one name is needed") }
        let name = arguments[0]
        do throws(SystemError) {
            let report = try System.resolve(name, milliseconds: milliseconds)
            var canonical = Text()
            for index in 0..<Int(report.nameCount) { canonical.bytes.append(report.nameByte(index)) }
            if !isSame(name, canonical) { print("\(name) is \(canonical)") }
            for index in 0..<Int(report.count) { print("\(canonical) has address \(address: report.address(index))") }
            return 0
        } catch .invalidArgument {
            fail("\(name): not a domain name")
        } catch .tryAgain {
            fail("\(name): the name server failed to answer; try again later")
        } catch {
            fail("\(name): \(error)")
        }
    }

    /// Letters may differ in case, and a dot may end the name.
    private static func isSame(_ name: CString, _ canonical: Text) -> Bool {
        var bytes: [UInt8] = []
        for byte in name.bytes { bytes.append(byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte) }
        if bytes.last == 0x2e { bytes.removeLast() }
        return bytes.elementsEqual(canonical.bytes)
    }
}
