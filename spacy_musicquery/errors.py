"""Every message the package raises or logs, in one place.

As in spaCy's own `spacy/errors.py`, a message says which part of the package
speaks, what value was wrong and what to do about it.
"""

from contextlib import contextmanager
from math import inf
from typing import Iterator, Optional


class SavedModelError(ValueError):
    """A saved component is damaged, incomplete or of another network."""


class Errors:
    # Settings and set-up
    MQ001 = (
        "[MQ001] {name}: this step needs the training extra, and '{module}' could "
        "not be imported ({error}). Extracting works without it; to train, run: "
        'pip install "spacy-musicquery[train]"'
    )
    MQ002 = (
        "[MQ002] {name}: Keras runs on the '{backend}' backend, but this component "
        "trains on TensorFlow. Unset the KERAS_BACKEND environment variable (or set "
        "it to 'tensorflow') and start again."
    )
    MQ003 = "[MQ003] {name}: {setting} = {value!r} is not allowed: it must be {expected}."
    MQ004 = (
        "[MQ004] {name}: the model has not been trained or loaded yet. Call "
        "nlp.initialize(get_examples) with annotated examples and train it, or load a "
        "trained pipeline with spacy.load(path)."
    )
    MQ005 = (
        "[MQ005] {name}: no label to learn: none of the {n} training examples has an "
        "entity. Check that the training data marks at least one query (python -m "
        "spacy music-query check-data FILE), or pass `labels` to initialize."
    )
    MQ006 = (
        "[MQ006] {name}: the training data has the label(s) {unknown}, which this "
        "component never learnt (it knows: {labels}). Add them with add_label, train from "
        "nlp.initialize on data that holds all labels, name them all in [initialize] "
        "(spacy init labels), or take them out of the data."
    )
    MQ008 = (
        "[MQ008] {name}: {what} must be a non-empty string that UTF-8 can hold (without "
        "half a surrogate pair), got {value}."
    )
    MQ009 = (
        "[MQ009] {name}: the text of a predicted and its reference doc differ, so the "
        "gold offsets do not fit: {predicted!r} / {reference!r}. Make the examples with "
        "Example(nlp.make_doc(reference.text), reference)."
    )
    MQ010 = (
        "[MQ010] {name}: the {what} is not finite in update {step} (NaN or infinite). "
        "Lower the learning rate or set grad_clip in [training.optimizer], and check "
        "the character vectors for NaN."
    )
    MQ011 = (
        "[MQ011] {name}: the character inventory is empty: the training examples hold "
        "no character that occurs at least min_count = {min_count} times. Lower "
        "min_count, or check the training data."
    )

    MQ012 = (
        "[MQ012] {name}: labels must be a list of strings, got the string {labels!r}. "
        "Put it into a list."
    )

    MQ013 = (
        "[MQ013] {name}: the training data has the intent '{unknown}' in doc.cats, which "
        "this component never learnt (it knows: {intents}). Train from scratch with "
        "nlp.initialize on data that holds all intents, or set learn_intents = false."
    )

    MQ014 = (
        "[MQ014] {name}: this pipeline was trained without a catalogue and cannot use one. "
        "Train it with names: [initialize.components.{name}.catalogue]."
    )
    MQ015 = (
        "[MQ015] {name}: the catalogue has names of the type '{unknown}', but the pipeline "
        "was trained with the types: {types}. Give the names under one of these."
    )
    MQ016 = (
        "[MQ016] {name}: a catalogue is a dictionary of lists of names by type, such as "
        '{{"artist": ["周杰伦"]}}; got {value!r}.'
    )

    # Saved pipelines
    MQ017 = (
        "[MQ017] {name}: pretrained = {path!r}: there is no saved music_query component. "
        "Name the directory of a saved pipeline that has one, 'box' for the model that "
        "comes with this package, or null to start from nothing."
    )
    MQ018 = (
        "[MQ018] {name}: the corpus to rehearse or to consolidate has no text. Give "
        "messages that the model knows, such as some of those it was trained on."
    )
    MQ020 = (
        "[MQ020] {name}: cannot load from {path}: {problem}. The pipeline directory is "
        "damaged or was only partly copied: copy or save it again, or train it again."
    )
    MQ021 = (
        "[MQ021] {name}: the saved model is damaged: {problem}. Copy or save the "
        "pipeline again, or train it again."
    )
    MQ022 = (
        "[MQ022] {name}: the saved model has {setting} = {saved!r}, but the config it is "
        "loaded into says {configured!r}. Load it with the config it was saved with; or "
        "set pretrained to null, to train a model of other settings from nothing."
    )
    MQ023 = (
        "[MQ023] cannot save a pipeline to {path}: {problem}. Name a new directory, or one "
        "that holds a pipeline."
    )

    # Character vectors
    MQ030 = (
        "[MQ030] character vectors: the file {path} does not exist. Check the path, or "
        "make vectors with: python -m spacy music-query vectors TEXT... --out {path}"
    )
    MQ031 = (
        "[MQ031] character vectors: {path} is not in word2vec format, nor in fastText's: "
        "{error}. Expected what gensim's KeyedVectors.save_word2vec_format writes: text, "
        "or binary with a name that ends in .bin (or say binary = true / false); or "
        "fastText's own .vec or .bin. What gensim's `save` wrote is not read: load it "
        "with gensim, and write it with save_word2vec_format."
    )
    MQ032 = (
        "[MQ032] character vectors: the vectors in {path} are {found} wide, but the "
        "model's embed_width is {expected}. Set embed_width = {found} (or less) in "
        "[components.{name}.model], or give vectors of width {expected} or more."
    )
    MQ033 = (
        "[MQ033] character vectors: none of the {n} characters of the training data has "
        "a vector in {path}. Is it a file of word vectors? It must hold one character "
        "a row."
    )
    MQ034 = (
        "[MQ034] character vectors: the vector of {char!r} in {path} is not finite (NaN "
        "or infinite). Remove that row or train the vectors again."
    )
    MQ035 = (
        "[MQ035] character vectors: the texts hold too little to train on: no character "
        "occurs at least {min_count} times. Give more text or lower --min-count."
    )

    MQ036 = (
        "[MQ036] character vectors: {path} is no checkpoint to take them from: {problem}. "
        "Name the folder of a BERT or ALBERT model with a vocab.txt, whose weights are "
        "in one model.safetensors, as transformers' save_pretrained writes them."
    )

    # Data
    MQ040 = "[MQ040] {n} problem(s) in the data:\n{problems}\n{remedy}"
    MQ041 = (
        "[MQ041] {path}: no such file (a folder is none). Give a .json list, a .jsonl file, a "
        "two-column file (a character and its BIO or BIOES tag a line), or what another tool "
        "exports, see docs/data-forms.md."
    )
    MQ042 = (
        "[MQ042] {path}: no messages found. A .json file holds a list of "
        '{{"text", "music_query"}} records, a .jsonl file one record a line; other forms are '
        "in docs/data-forms.md."
    )
    MQ043 = (
        "[MQ043] --dev-share {share} leaves no message for {side}: the data holds "
        "{n} different text(s). Give more data or another share between 0 and 1."
    )
    MQ044 = (
        "[MQ044] {path}: neither the records ({records}) nor the raw corpus ({raw}) is "
        "there. Fetch the public corpus with `python -m spacy project assets`, or name a "
        "folder of your own that holds {records}."
    )
    MQ045 = "[MQ045] {path}: not a valid rules file: {problem}."
    MQ046 = (
        "[MQ046] {tags} holds {n_tags} messages, but {intents} holds {n_intents} "
        "intents. They must belong together, one intent a line: fetch the corpus again."
    )
    MQ047 = "[MQ047] cannot read {path} as a DocBin of annotated docs: {error}."
    MQ048 = "[MQ048] {path}:{row}: {problem}."
    MQ049 = (
        "[MQ049] {path}: no message is left to convert: every row has a problem. Correct "
        "the rows; nothing was written."
    )

    # Commands
    MQ050 = (
        "[MQ050] no pipeline at {path}. Train one with `python -m spacy music-query train FILE "
        "--out DIR`, or name another with --model PATH."
    )
    MQ051 = (
        "[MQ051] the pipeline {path} has no music_query component (it has: {pipes}). "
        "Name a pipeline that was trained with one."
    )
    MQ053 = "[MQ053] {path}:{row}: {problem}. Fetch the corpus again."
    MQ054 = (
        "[MQ054] {path}: no such file. Give a text file with a message a line, or a "
        "folder of .txt files."
    )
    MQ055 = (
        "[MQ055] {path}: no messages found. Write one a line, in files that end in .txt."
    )
    MQ056 = "[MQ056] a joined corpus needs at least one corpus to join."
    MQ057 = (
        "[MQ057] phrases in {path}: {problem}. The module spacy_musicquery.data.grammar says "
        "how they are written."
    )
    MQ058 = (
        "[MQ058] the page to try a pipeline on needs Streamlit, which could not be "
        'imported ({error}). Run: pip install "spacy-musicquery[page]"'
    )
    MQ059 = (
        "[MQ059] ReplayCorpus: the reader of the {name} messages gives none. Check its "
        "path, or train without replay."
    )
    MQ060 = (
        "[MQ060] catalogue: {path}: {problem}. A catalogue is a text file with one name a "
        "line (or a .csv, .jsonl or .parquet file with a column of names), its type in its "
        "name: artist.txt."
    )
    MQ061 = (
        "[MQ061] the catalogue has {n} types of names, and may have {most}. Join some: what "
        "stands in messages alike may have one type."
    )
    MQ070 = (
        "[MQ070] {name}: teacher = {path}: there is no saved pipeline with a music_query "
        "component. Name the directory of one, 'box' for the model that comes with this "
        "package, or null for no teacher."
    )
    MQ071 = (
        "[MQ071] {name}: the teacher {path} has learnt the labels {known}, but this "
        "component learns {labels}. A teacher must have learnt the same ones: train it on "
        "the same data."
    )
    MQ072 = (
        "[MQ072] encoder = {path}: it has no file {file}. Name the folder of a BERT or "
        "ALBERT model as transformers' save_pretrained writes it, with BERT's vocab.txt. A "
        "pipeline that was trained with an encoder needs it to extract as well; where it "
        'has moved to, spacy.load(path, config={{"components": {{"music_query": {{"model": '
        '{{"encoder": "DIR"}}}}}}}}) says.'
    )
    MQ073 = (
        "[MQ073] encoder = {path}: its weights are not those that the pipeline was trained "
        "with. Name the folder of the same encoder, or train again with this one."
    )
    MQ074 = (
        "[MQ074] an encoder needs transformers and PyTorch, which could not be imported "
        '({error}). Run: pip install "spacy-musicquery[transformers]"'
    )
    # What predicts
    MQ200 = (
        "[MQ200] {name}: its parameters do not belong together: there are {problem}. "
        "Take characters, pairs, catalogue and weights of one component, or train anew."
    )
    MQ201 = (
        "[MQ201] {name}: an encoder adds to its vectors, which the exported file would not "
        "hold. Export a pipeline that has been trained without one (encoder = null)."
    )
    MQ202 = (
        "[MQ202] exporting needs onnx, which could not be imported ({error}). Run: pip "
        'install "spacy-musicquery[onnx]"'
    )
    # Public text
    MQ330 = (
        "[MQ330] {path}: no such folder. Fetch the public text with `python -m spacy project "
        "assets`, or name the folder that it is in."
    )
    MQ331 = (
        "[MQ331] {path}: not the file that its source publishes ({error}). Delete it, and "
        "fetch it again with `python -m spacy project assets`."
    )
    # Pretraining
    MQ450 = (
        "[MQ450] {name}: {n:,} different lines are left of {given:,}, and pretraining needs at "
        "least {least:,}, of which it sets some apart to measure by. Give more raw text, a "
        "message a line; tens of thousands are worth the while."
    )
    MQ451 = (
        "[MQ451] {name}: there is nothing to predict: no character occurs at least "
        "{min_count:,} times, or lines are no longer than two characters. Give more text, or "
        "lower --min-count."
    )
    MQ452 = (
        "[MQ452] {name}: the loss is not finite in step {step:,} (NaN or infinite). Nothing "
        "was saved. Try another --seed, and tell us of it."
    )
    MQ453 = (
        "[MQ453] {name}: the config {path} has no component music_query whose sizes could be "
        "taken. Name one that has, such as that you will train with."
    )
    MQ052 = "[MQ052] {option} {value}: {problem}."
    # Linking
    MQ210 = (
        "[MQ210] building a link index needs pypinyin, which could not be imported "
        '({error}). Run: pip install "spacy-musicquery[link]". Linking itself goes without.'
    )
    MQ211 = (
        "[MQ211] link index {path}: {problem}. Build it again: python -m spacy music-query "
        "link-index TABLE --out INDEX."
    )
    MQ410 = (
        "[MQ410] link index: what it would say of itself has {n:,} bytes, and may have "
        "{most:,}. Give its entries fewer or shorter types."
    )
    MQ411 = (
        "[MQ411] link index: types are at most {most:,} strings, none of them empty and all "
        "of what UTF-8 can hold; here are {n:,}, such as {value}. Is `type` the right "
        "column?"
    )
    MQ412 = (
        "[MQ412] link index: {what} {value} is no text that UTF-8 can hold (there is half a "
        "surrogate pair in it). Correct the entry with the id {id}."
    )
    MQ212 = (
        "[MQ212] catalogue {path}: {problem}. A table has a column 'name', and may have id, "
        "type, aliases, artist, artist_id, popularity and deleted; see docs/linking.md."
    )
    MQ213 = (
        "[MQ213] reading a table from a database needs SQLAlchemy, which could not be "
        'imported ({error}). Run: pip install "spacy-musicquery[sql]"'
    )
    MQ214 = (
        "[MQ214] {name}: there is no index to link to. Name one in the settings (index = "
        "PATH), or give one to set_index; `python -m spacy music-query link-index TABLE "
        "--out INDEX` builds it."
    )
    MQ215 = (
        "[MQ215] {name}: an index is a LinkIndex or the path of a file, got {value}. Build "
        "one with `python -m spacy music-query link-index TABLE --out INDEX`."
    )

    MQ311 = "[MQ311] where shall it be written? Name a file or a folder with --out."
    MQ312 = (
        "[MQ312] {path} has no variable '{name}': nothing was run. Did you mean {known}? The "
        "variables stand there under `vars`."
    )
    MQ313 = (
        "[MQ313] '{run}' trains, which needs the training extra: TensorFlow is not installed. "
        'Nothing was run. Install it: pip install "spacy-musicquery[train]", or in a clone '
        'pip install -e ".[train]"'
    )
    MQ314 = (
        "[MQ314] {what} data: there is no {path}. Name a .spacy file, or a folder of them, with "
        "--paths.{what}; `python -m spacy music-query convert MESSAGES --out {path}` makes one."
    )

    # Training on messages of one's own
    MQ240 = (
        "[MQ240] {model} has a catalogue of {n:,} names ({types}), which these {n_new:,} "
        "would replace. Say --add to keep them beside the new ones, or --replace to go on."
    )
    MQ241 = (
        "[MQ241] {path}: none of the {n} messages has a query. A tagger learns from both: "
        "mark the words to search with in some, as `music_query` or `spans`."
    )
    MQ242 = (
        "[MQ242] {path}: no message is left to train on: all of them stand in {dev} too. "
        "Keep apart what is to be learnt and what is to be measured."
    )
    MQ243 = "[MQ243] {path}: there is no message to choose from. Give a log with a message a line."

    # What would be saved or written, and could not be read again or would do harm
    MQ260 = (
        "[MQ260] {name}: nothing was saved, since it could not be read again: {problem} What "
        "was there before is still there."
    )
    MQ261 = (
        "[MQ261] {path} is in its place, but the system could not write it out to the disk "
        "({problem}): it may not outlive a loss of power. Check the disk, and save again."
    )
    MQ262 = (
        "[MQ262] {name}: {n:,} labels are more than a component can learn, {most:,}: each two "
        "of them have scores of their own. Join some, or find them in another way."
    )
    MQ263 = (
        "[MQ263] the names of {type!r} cannot be written to {directory}: a type names its "
        "file, so it must be a word of letters, digits, blanks, - and _. Give it another "
        "name with --types FILE.json."
    )
    MQ264 = (
        "[MQ264] {name!r} ({type}) cannot be written to a file of names: it must have one line "
        "of 1 to {most} characters without tabs, and not begin with '# ' or a blank."
    )
    MQ265 = (
        "[MQ265] {name}: the catalogue has a name of {length:,} characters, and may have "
        "names of up to {most:,}: {value!r}. Leave it out."
    )

    # Files, clusters and services
    MQ280 = (
        "[MQ280] {path} has no column '{column}' (it has: {columns}). Name the one that "
        "holds the messages: --column NAME."
    )
    MQ281 = "[MQ281] the column '{column}' holds {kind}, and messages are text."
    MQ282 = (
        "[MQ282] {path}: {problem}. With --out, arguments are files ({kinds}; all but the "
        "first also as .gz and .zst), folders or globs of them."
    )
    MQ283 = (
        "[MQ283] '{text}' is the name of a file here, and would be read as a message. To "
        "extract from the file, say where the results go: --out FILE.parquet; for the words "
        "themselves, put them on standard input."
    )
    MQ284 = (
        "[MQ284] {what} needs '{module}', which could not be imported ({error}). Run: pip "
        'install "spacy-musicquery[{extra}]"'
    )
    MQ285 = (
        "[MQ285] {path} is being written by another process. Wait for it, or name another "
        "file with --out."
    )
    MQ286 = (
        "[MQ286] a worker process died {n} times over messages {first} to {last} of the "
        "input (killed for memory?). Start again with fewer --workers: what is done is kept."
    )
    MQ287 = "[MQ287] {path} cannot be read: {error}. Save it again, or leave it out."
    MQ290 = (
        "[MQ290] the body is larger than {most:,} bytes. Send fewer or shorter messages at "
        "a time."
    )
    MQ291 = (
        "[MQ291] {n:,} messages at once, and {most:,} are allowed. Send them in several "
        "requests."
    )
    MQ292 = (
        "[MQ292] message {number} is {n:,} characters long, and {most:,} are allowed. "
        "Shorten it."
    )
    MQ293 = (
        "[MQ293] this service does not answer to the host {host!r}. Ask it by its own "
        "address, or start it with --allow-host NAME."
    )
    MQ294 = (
        "[MQ294] the catalogue of this service cannot be changed: it was started without a "
        "token. Set the environment variable {variable}, or give --token-file."
    )
    MQ295 = (
        "[MQ295] changing the catalogue needs the token of this service: the header "
        "'Authorization: Bearer TOKEN'."
    )
    MQ296 = "[MQ296] the request is not understood: {problems}. See /docs for examples."
    MQ297 = (
        "[MQ297] the token of {where} must have at least {least} characters, and no blanks."
    )


class Warnings:
    MQ101 = (
        "[MQ101] {name}: {n} of the queries just found begin or end inside a token and "
        "were {actions} (alignment_mode = '{mode}'); the first in {text!r}. What was found "
        "stands in doc.spans['{key}'].attrs['char_spans'], and alignment_mode = 'split' "
        "splits such tokens. This is said once; the component's `misaligned` counts on."
    )
    MQ102 = (
        "[MQ102] {name}: only {found} of {n} characters of the training data have a "
        "vector in {path} ({share:.0%})."
    )
    MQ103 = (
        "[MQ103] {name}: the training data was made without knowing where blanks are "
        "(as `spacy convert` does from CoNLL files): its text reads {text!r}. Convert it "
        "with `python -m spacy music-query convert`, which keeps Chinese unspaced."
    )
    MQ105 = (
        "[MQ105] span._.{extension} was declared by somebody else, with a default, a getter "
        "or a method of its own: it is left alone. The scores of music queries stand in "
        "doc.spans[...].attrs['scores']."
    )
    MQ310 = "[MQ310] '{old}' is an old spelling, which is still taken: say '{new}'."
    MQ250 = (
        "[MQ250] {path}: none of the {n} messages to choose the best model by has a query, so "
        "that they say nothing of what is found. The box's check decides; add some with a "
        "query."
    )
    MQ251 = (
        "[MQ251] {path}: {n} queries are too few to choose the best model by. The box's check "
        "decides; from {least} on, your messages do as well."
    )
    MQ252 = (
        "[MQ252] nothing is set apart, so that the table cannot say what was learnt of "
        "messages that were not trained on. Name some that you have not trained on: --dev "
        "FILE. From {least} messages on, a fifth is set apart by itself."
    )
    MQ253 = (
        "[MQ253] {path}: all {n} messages have a query. Add ordinary messages of your users "
        "that ask for no music, or name a text file of them: --chat FILE."
    )
    MQ254 = "[MQ254] {n} message(s) of {path} stand in {dev} too, and are not trained on."
    MQ255 = (
        "[MQ255] {what}: {before} before, {after} after: something was lost. Look at it with "
        "`python -m spacy music-query errors {output} FILE`, and check that your messages "
        "mark queries as docs/labels.md says, or add messages."
    )
    MQ256 = (
        "[MQ256] Only {share:.0%} of what was learnt is kept, as all of it would have cost too "
        "much of what the box knows."
    )
    MQ257 = (
        "[MQ257] Nothing of what was learnt is kept: any of it would have cost too much of "
        "what the box knows, and what is saved is as good as the box. Do your messages mark "
        "something else than queries? Then give it a label of its own: --label NAME."
    )
    MQ258 = "[MQ258] {path}: {names} differ only in spelling. Are they meant to be one?"
    MQ259 = (
        "[MQ259] {path}: {label} stands beside {others}. A query as a whole and its parts are "
        "learnt as if they excluded each other; take one or the other."
    )
    MQ104 = (
        "[MQ104] catalogue: the folder {path} is empty: training goes on without the names "
        "that should be there."
    )


def bad_setting(name: str, setting: str, value: object, expected: str) -> ValueError:
    """Say that a setting has a value that is not allowed.

    name (str): Who has the setting.
    setting (str): Its name.
    value (object): Its value, which is not allowed.
    expected (str): What would be.
    RETURNS (ValueError): The error to raise.
    """
    message = Errors.MQ003.format(
        name=name, setting=setting, value=value, expected=expected
    )
    return ValueError(message)


def require_number(
    name: str,
    setting: str,
    value: object,
    *,
    at_least: Optional[float] = None,
    above: Optional[float] = None,
    at_most: Optional[float] = None,
    below: Optional[float] = None,
    whole: bool = False,
) -> None:
    """Refuse a setting that is no finite number, or outside its range. A config may pass
    "64" where 64 is meant, and True is no number.

    name (str): Who has the setting.
    setting (str): Its name.
    value (object): Its value.
    at_least, above (Optional[float]): The lower bound, itself allowed or not.
    at_most, below (Optional[float]): The upper bound, itself allowed or not.
    whole (bool): Whether it must be a whole number.
    RAISES (ValueError): If it is not allowed.
    """
    kinds = (int,) if whole else (int, float)
    if (
        type(value) in kinds
        and isinstance(value, (int, float))
        and abs(value) < inf
        and (at_least is None or value >= at_least)
        and (above is None or value > above)
        and (at_most is None or value <= at_most)
        and (below is None or value < below)
    ):
        return
    expected = "a whole number" if whole else "a number"
    if at_least is not None and at_most is not None:
        expected += f" from {at_least} to {at_most}"
    else:
        bounds = {"of at least": at_least, "above": above, "at most": at_most}
        bounds["below"] = below
        words = [f"{word} {n}" for word, n in bounds.items() if n is not None]
        expected = " ".join([expected, " and ".join(words)]).rstrip()
    raise bad_setting(name, setting, value, expected)


def is_name(value: object) -> bool:
    """Tell whether something can name a part of a model: a label, an intent, a type of
    names. It is saved as UTF-8, which holds no half of a surrogate pair.

    value (object): Anything.
    RETURNS (bool): Whether it is a string that is not empty, and can be saved.
    """
    return isinstance(value, str) and value != "" and is_utf8(value)


def is_utf8(text: str) -> bool:
    """Tell whether a string can be saved.

    text (str): Any string.
    RETURNS (bool): Whether UTF-8 can hold it.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def require_name(name: str, what: str, value: object) -> None:
    """Refuse what cannot name a part of a model, where it comes in.

    name (str): Who was given it.
    what (str): What it would name, such as "a label".
    value (object): Anything.
    RAISES (ValueError): If it is no name.
    """
    if not is_name(value):
        shown = excerpt(ascii(value))
        raise ValueError(Errors.MQ008.format(name=name, what=what, value=shown))


def damaged(name: str, problem: str) -> SavedModelError:
    """Say what is wrong with a saved component.

    name (str): The component's name.
    problem (str): What is wrong.
    RETURNS (SavedModelError): The error to raise.
    """
    return SavedModelError(Errors.MQ021.format(name=name, problem=problem))


def require_sound(condition: bool, problem: str) -> None:
    """Refuse what no saved model holds; within `errors_as_damage`, which knows whose it is.

    condition (bool): What is true of every saved model.
    problem (str): What is wrong if it is not.
    RAISES (ValueError): If it is not.
    """
    if not condition:
        raise _Unsound(problem)


class _Unsound(ValueError):
    """What says by itself what is wrong."""


@contextmanager
def errors_as_damage(name: str) -> Iterator[None]:
    """Say of whatever fails in a `with` block that a saved component is damaged.

    name (str): The component's name.
    RAISES (SavedModelError): If the block raises anything.
    """
    try:
        yield
    except (SavedModelError, MemoryError):
        raise
    except _Unsound as error:
        raise damaged(name, str(error)) from error
    except Exception as error:  # whatever numpy and msgpack make of damaged bytes
        raise damaged(name, f"{type(error).__name__}: {error}") from error


def excerpt(text: str, length: int = 60) -> str:
    """A text cut to what fits in a message.

    text (str): Any text.
    length (int): The most characters to keep.
    RETURNS (str): The text, or its beginning and an ellipsis.
    """
    return text if len(text) <= length else text[: length - 1] + "…"
