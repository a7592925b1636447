// mv: gives files and directories other names.

import SystemInterface
import UserLibrary

@main enum Move: Program {
    static let usage: StaticString = """
        usage: mv source target
               mv source ... directory
        Renames a file or directory, replacing a file that has the name already, or moves files and directories into a directory.
        Each is renamed at once, or not at all.
        """

    static func run(_ arguments: Arguments) -> Int32 {
        guard arguments.count >= 2 else { arguments.refuse("a source and a target are needed") }
        let target = Path(arguments[arguments.count - 1])
        if arguments.count > 2, !isDirectory(target) { fail("\(target): not a directory") }
        var result: Int32 = 0
        for index in 0..<arguments.count - 1 {
            let source = Path(arguments[index])
            do throws(SystemError) {
                if try !move(source, to: destination(of: source, in: target)) { result = 1 }
            } catch {
                complain("\(source) to \(target): \(error)")
                result = 1
            }
        }
        return result
    }

    /// False after a complaint.
    private static func move(_ source: Path, to name: Path) throws(SystemError) -> Bool {
        let original = try status(of: source)
        do throws(SystemError) {
            let other = try status(of: name)
            if other.inode == original.inode, other.device == original.device {
                complain("\(source) and \(name) are the same file")
                return false
            }
        } catch .noSuchFile {}
        try System.rename(source, to: name)
        return true
    }
}
