"""The words of pages, in Chinese: by the English ones, which stand in the templates."""

from typing import Callable, Dict

from ..errors import bad_setting

PAGE_LANGS = ("en", "zh")

_ZH: Dict[str, str] = {
    # Pages
    "Previous": "上一页",
    "Next": "下一页",
    "{n} messages, {found} queries": "{n} 条消息，{found} 个查询",
    "{n} messages": "{n} 条消息",
    "… and {n} more.": "……还有 {n} 条。",
    ".": "。",
    "listen": "想听歌",
    "gold": "应为",
    "found": "找到",
    "Music queries": "听歌的查询",
    # The page to try
    "Who wants to hear what?": "谁想听什么？",
    "Examples": "点一个例子试试",
    "Messages, one a line": "消息，一行一条",
    "Find": "找一找",
    "Settings": "设置",
    "Component": "组件",
    "Threshold": "阈值",
    "Leaves out queries that score lower": "去掉分数更低的查询",
    "Threshold of listening": "想听歌的阈值",
    "Leaves out queries whose score times that of listening is lower": "去掉分数乘以想听歌的概率后"
    "更低的查询",
    "Names to find": "加几个名字",
    "Names, one a line": "名字，一行一个",
    "Kept until the page is reloaded": "刷新页面后就没有了",
    "What are they?": "它们是什么？",
    "Choose": "请选择",
    "Add to the catalogue": "加进曲库",
    "Say what these names are: artists, titles, ...": "请先选好这些名字是什么：歌手、歌名……",
    "Added": "已加入",
    "This pipeline was trained without a catalogue.": "这个管道训练时没有曲库。",
    "No query was found.": "没有找到查询。",
    "Tag probabilities": "每个字的标签概率",
    "character": "字",
    "Id": "编号",
    "Type": "类型",
    "Name": "名字",
    "Artist": "歌手",
    "Score": "分数",
    "LISTEN": "想听歌",
    "CONTROL": "控制播放",
    "OTHER": "其他",
    # Types of names
    "artist": "歌手",
    "title": "歌名",
    "album": "专辑",
    "genre": "流派",
    "mood": "心情",
    "scene": "场景",
    "language": "语种",
    "instrument": "乐器",
    "chart": "榜单",
    "screen": "影视",
    # Errors: their tables
    "queries": "查询",
    "right": "正确",
    "P": "精确率",
    "R": "召回率",
    "is": "应为",
    "found as": "被当成",
    "times": "次数",
    "none": "无",
    "Errors by kind": "各类错误",
    "By label": "按标签",
    "Labels confused": "混淆的标签",
    "By length of the query, in characters": "按查询的长度（字）",
    "By whether training had the query": "按训练时见过没有",
    "never seen": "没见过",
    "seen in training": "训练时见过",
    # Their kinds
    "boundary": "边界",
    "label": "标签",
    "missed": "漏掉",
    "false alarm": "误报",
    "false alarm, no query": "误报，消息里没有查询",
    "Boundary": "边界错误",
    "Label": "标签错误",
    "Missed": "漏掉",
    "False alarm": "误报",
    "False alarm, no query": "误报，消息里没有查询",
    "found, but it begins or ends elsewhere": "找到了，但起止位置不对",
    "found, but under another label": "找到了，但标签不对",
    "not found": "没有找到",
    "found where there is none, in a message with a query": "在有查询的消息里多找了一个",
    "found in a message without any query": "在没有查询的消息里找到了",
}


def translator(lang: str) -> Callable[[str], str]:
    """Choose the language of a page.

    lang (str): "en" or "zh".
    RETURNS (Callable[[str], str]): From English words to those of the language; what it does
        not know, such as labels and figures, stays as it is.
    RAISES (ValueError): If there is no such language.
    """
    if lang not in PAGE_LANGS:
        raise bad_setting("page", "lang", lang, "one of " + ", ".join(PAGE_LANGS))
    return (lambda words: _ZH.get(words, words)) if lang == "zh" else str
