// mv: gives a file another name: a link under the new name, then the old one goes.

import SystemInterface
import UserLibrary

@main enum Move: Program {
    static let usage: StaticString = """
        usage: mv source target
               mv source ... directory
        Renames a file, replacing what has the name already, or moves files into a directory. Directories cannot be moved.
        """

    static func run(_ arguments: Arguments) -> Int32 {
        guard arguments.count >= 2 else { arguments.refuse("a source and a target are needed") }
        let target = Path(arguments[arguments.count - 1])
        if arguments.count > 2, !isDirectory(target) { fail("\(target): not a directory") }
        var result: Int32 = 0
        for index in 0..<arguments.count - 1 {
            let source = Path(arguments[index])
            do throws(SystemError) {
                let status = try status(of: source)
                if status.type == FileType.directory.rawValue {
                    complain("\(source): is a directory; they cannot be moved")
                    result = 1
                    continue
                }
                try move(source, status, to: destination(of: source, in: target))
            } catch {
                complain("\(source) to \(target): \(error)")
                result = 1
            }
        }
        return result
    }

    private static func move(_ source: Path, _ original: FileStatus, to name: Path) throws(SystemError) {
        do throws(SystemError) {
            try System.link(source, as: name)
        } catch .fileExists {
            let other = try status(of: name)
            if other.inode == original.inode && other.device == original.device {
                if source == name { return }
            } else {
                try System.unlink(name)
                try System.link(source, as: name)
            }
        }
        try System.unlink(source)
    }
}
